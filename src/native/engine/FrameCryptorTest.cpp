#include "FrameCryptor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "Bytes.hpp"

using namespace troupe;
using Direction = FrameCryptorOptions::Direction;

namespace {

using Bytes = std::vector<uint8_t>;

Bytes keyOf(uint8_t seed) {
  Bytes key(16);
  for (size_t at = 0; at < key.size(); ++at) key[at] = static_cast<uint8_t>(seed + at);
  return key;
}

Bytes fromHex(const std::string& text) {
  Bytes bytes;
  for (size_t at = 0; at + 1 < text.size(); at += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoi(text.substr(at, 2), nullptr, 16)));
  }
  return bytes;
}

/** A cryptor and what it reported. */
struct Party {
  explicit Party(Direction direction, FrameCryptorOptions options = {}) {
    options.direction = direction;
    cryptor = std::make_unique<FrameCryptor>(1, std::move(options), batches, 77);
  }

  Bytes pass(const Bytes& frame, uint32_t timestamp = 960) {
    FrameInfo info;
    info.ssrc = 0x01020304;
    info.timestamp = timestamp;
    TransformedFrame room;
    const auto out = cryptor->transform(info, frame, room);
    return {out.begin(), out.end()};
  }

  struct Report {
    CryptorState state;
    int index;
    int first;
    int second;
    bool operator==(const Report&) const = default;
  };
  std::vector<Report> reports() {
    std::vector<Report> found;
    batches->flush();
    Batch batch;
    while (batches->take(batch)) {
      for (size_t at = 0; at < batch.records.size(); at += kRecordStride) {
        const double* record = &batch.records[at];
        REQUIRE(record[0] == static_cast<double>(RecordKind::cryptorState));
        found.push_back({static_cast<CryptorState>(record[2]), static_cast<int>(record[3]), static_cast<int>(record[4]),
                         static_cast<int>(record[5])});
      }
    }
    return found;
  }

  std::shared_ptr<BatchQueue> batches = std::make_shared<BatchQueue>();
  std::unique_ptr<FrameCryptor> cryptor;
};

const Bytes kFrame = {0x78, 1, 2, 3, 4, 5, 6, 7, 8, 9};

}  // namespace

TEST_CASE("AesGcm gives what NIST's test vectors give") {
  // "The Galois/Counter Mode of Operation", appendix B, test case 4.
  AesGcm cipher(fromHex("feffe9928665731c6d6a8f9467308308"));
  const Bytes iv = fromHex("cafebabefacedbaddecaf888");
  const Bytes additional = fromHex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  const Bytes plain = fromHex(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
      "ba637b39");
  const Bytes sealed = fromHex(
      "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac97"
      "3d58e0915bc94fbc3221a5db94fae95ae7121a47");
  Bytes out(sealed.size());
  REQUIRE(cipher.seal(std::span(iv).first<12>(), additional, plain, out.data()));
  CHECK(out == sealed);
  Bytes back(plain.size());
  REQUIRE(cipher.open(std::span(iv).first<12>(), additional, sealed, back.data()));
  CHECK(back == plain);
  out.back() ^= 1;
  CHECK_FALSE(cipher.open(std::span(iv).first<12>(), additional, out, back.data()));
  CHECK_THROWS_AS(AesGcm(Bytes(17)), std::invalid_argument);
}

TEST_CASE("an encrypted frame has LiveKit's form, and its receiver gets what was sent") {
  Party sender(Direction::encrypt);
  Party receiver(Direction::decrypt);
  sender.cryptor->setKey(3, keyOf(1));
  sender.cryptor->setKeyIndex(3);
  receiver.cryptor->setKey(3, keyOf(1));
  const Bytes sealed = sender.pass(kFrame, 960);
  REQUIRE(sealed.size() == kFrame.size() + 16 + 12 + 2);
  CHECK(sealed[0] == kFrame[0]);
  CHECK_FALSE(std::equal(kFrame.begin() + 1, kFrame.end(), sealed.begin() + 1));
  CHECK(readU32(&sealed[sealed.size() - 14]) == 0x01020304);
  CHECK(readU32(&sealed[sealed.size() - 10]) == 960);
  CHECK(sealed[sealed.size() - 2] == 12);
  CHECK(sealed[sealed.size() - 1] == 3);
  CHECK(receiver.pass(sealed) == kFrame);
  CHECK(sender.reports() == std::vector<Party::Report>{{CryptorState::ok, 3, 0, 0}});
  CHECK(receiver.reports() == std::vector<Party::Report>{{CryptorState::ok, 3, 0, 0}});
}

TEST_CASE("a frame is byte for byte what WebCrypto makes of it") {
  // By wireForm.test.ts, under the key that PBKDF2 derives from "the words that we agreed on".
  const Bytes key = fromHex("0324dd31178be92673e23fa1700c2551");
  const Bytes sealed = fromHex("789d6e2aa66e993dd48a05eb11904d37c0217fe722c90eb3369f01020304000003c00000004d0c03");
  Party sender(Direction::encrypt);
  Party receiver(Direction::decrypt);
  for (Party* party : {&sender, &receiver}) party->cryptor->setKey(3, key);
  sender.cryptor->setKeyIndex(3);
  CHECK(sender.pass(kFrame, 960) == sealed);
  CHECK(receiver.pass(sealed) == kFrame);
}

TEST_CASE("a frame of one byte is encrypted too, an empty one passes") {
  Party sender(Direction::encrypt);
  Party receiver(Direction::decrypt);
  for (Party* party : {&sender, &receiver}) party->cryptor->setKey(0, keyOf(1));
  CHECK(receiver.pass(sender.pass({0xf8})) == Bytes{0xf8});
  CHECK(sender.pass({}).empty());
}

TEST_CASE("no two frames have the same initialization vector, not at the same timestamp either") {
  Party sender(Direction::encrypt);
  sender.cryptor->setKey(0, keyOf(1));
  std::set<Bytes> seen;
  for (int i = 0; i < 1'000; ++i) {
    const Bytes sealed = sender.pass(kFrame, static_cast<uint32_t>(i / 100 * 960));
    seen.insert(Bytes(sealed.end() - 14, sealed.end() - 2));
  }
  CHECK(seen.size() == 1'000);
}

TEST_CASE("without a key nothing goes out in clear and nothing comes in") {
  Party sender(Direction::encrypt);
  Party receiver(Direction::decrypt);
  CHECK(sender.pass(kFrame).empty());
  CHECK(sender.reports() == std::vector<Party::Report>{{CryptorState::missingKey, 0, 0, 0}});
  sender.cryptor->setKey(0, keyOf(1));
  const Bytes sealed = sender.pass(kFrame);
  CHECK(receiver.pass(sealed).empty());
  CHECK(receiver.pass(sealed).empty());
  CHECK(receiver.reports() == std::vector<Party::Report>{{CryptorState::missingKey, 0, 0, 0}});
  receiver.cryptor->setKey(0, keyOf(1));
  CHECK(receiver.pass(sealed) == kFrame);
  sender.cryptor->setKey(0, {});
  CHECK(sender.pass(kFrame).empty());
}

TEST_CASE("what was changed on the way, clear bytes too, is dropped and reported once") {
  Party sender(Direction::encrypt);
  Party receiver(Direction::decrypt);
  for (Party* party : {&sender, &receiver}) party->cryptor->setKey(0, keyOf(1));
  const Bytes sealed = sender.pass(kFrame);
  CHECK(receiver.pass(sealed) == kFrame);
  receiver.reports();
  for (size_t at = 0; at < sealed.size() - 1; ++at) {
    Bytes changed = sealed;
    changed[at] ^= 0x40;
    CHECK(receiver.pass(changed).empty());
  }
  CHECK(receiver.reports() == std::vector<Party::Report>{{CryptorState::decryptionFailed, 0, 1, 0}});
  CHECK(receiver.pass(kFrame).empty());
  CHECK(receiver.pass(sealed) == kFrame);
  CHECK(receiver.reports() == std::vector<Party::Report>{{CryptorState::ok, 0, 0, 0}});
}

TEST_CASE("while it is not enabled frames pass as they are") {
  Party sender(Direction::encrypt);
  sender.cryptor->setKey(0, keyOf(1));
  sender.cryptor->setEnabled(false);
  CHECK(sender.pass(kFrame) == kFrame);
  sender.cryptor->setEnabled(true);
  CHECK(sender.pass(kFrame) != kFrame);
}

TEST_CASE("a key that moved on by a ratchet is followed when its successors are there") {
  Party sender(Direction::encrypt);
  Party receiver(Direction::decrypt);
  sender.cryptor->setKey(0, keyOf(30));
  receiver.cryptor->setKey(0, keyOf(0));
  const Bytes sealed = sender.pass(kFrame);
  CHECK(receiver.pass(sealed).empty());
  CHECK(receiver.reports() == std::vector<Party::Report>{{CryptorState::decryptionFailed, 0, 1, 0}});
  receiver.cryptor->setCandidates(0, {keyOf(10), keyOf(20), keyOf(30), keyOf(40)});
  CHECK(receiver.pass(sealed) == kFrame);
  CHECK(receiver.reports() ==
        std::vector<Party::Report>{{CryptorState::keyRatcheted, 0, 3, 1}, {CryptorState::ok, 0, 0, 0}});
  // The key before is of no use any more, the one after still is.
  sender.cryptor->setKey(0, keyOf(10));
  CHECK(receiver.pass(sender.pass(kFrame)).empty());
  sender.cryptor->setKey(0, keyOf(40));
  CHECK(receiver.pass(sender.pass(kFrame)) == kFrame);
}

TEST_CASE("with a tolerance a key that fails too often is given up until there is another") {
  FrameCryptorOptions options;
  options.failureTolerance = 2;
  Party sender(Direction::encrypt);
  Party receiver(Direction::decrypt, options);
  for (Party* party : {&sender, &receiver}) party->cryptor->setKey(0, keyOf(1));
  Bytes sealed = sender.pass(kFrame);
  Bytes changed = sealed;
  changed[1] ^= 1;
  for (int i = 0; i < 2; ++i) CHECK(receiver.pass(changed).empty());
  CHECK(receiver.pass(sealed) == kFrame);
  for (int i = 0; i < 3; ++i) CHECK(receiver.pass(changed).empty());
  CHECK(receiver.pass(sealed).empty());
  receiver.cryptor->setKey(0, keyOf(1));
  CHECK(receiver.pass(sealed) == kFrame);
}

TEST_CASE("silence of the server passes unencrypted, anything else with its trailer does not") {
  FrameCryptorOptions options;
  options.serverTrailer = {'s', 'i', 'f'};
  Party receiver(Direction::decrypt, options);
  receiver.cryptor->setKey(0, keyOf(1));
  Bytes silence(80, 0);
  silence[0] = 0xf8;
  silence[1] = 0xff;
  silence[2] = 0xfe;
  const auto fromServer = [&](Bytes frame) {
    frame.insert(frame.end(), {'s', 'i', 'f'});
    return frame;
  };
  CHECK(receiver.pass(fromServer(silence)) == silence);
  CHECK(receiver.pass(fromServer(kFrame)).empty());
  silence.back() = 1;
  CHECK(receiver.pass(fromServer(silence)).empty());
  CHECK(receiver.pass(silence).empty());
}

TEST_CASE("indices and keys that are none are refused and change nothing") {
  Party sender(Direction::encrypt);
  sender.cryptor->setKey(0, keyOf(1));
  CHECK_THROWS_AS(sender.cryptor->setKey(16, keyOf(1)), std::invalid_argument);
  CHECK_THROWS_AS(sender.cryptor->setKeyIndex(16), std::invalid_argument);
  CHECK_THROWS_AS(sender.cryptor->setKey(0, Bytes(15)), std::invalid_argument);
  CHECK_THROWS_AS(sender.cryptor->setCandidates(0, {keyOf(1), Bytes(3)}), std::invalid_argument);
  CHECK_FALSE(sender.pass(kFrame).empty());
}
