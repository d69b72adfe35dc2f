#include "VideoPayload.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace troupe;
using Bytes = std::vector<uint8_t>;

TEST_SUITE("VideoPayload") {
  TEST_CASE("tells the first packet of a VP8 key frame from all others") {
    CHECK(startsKeyFrame(VideoCodec::vp8, Bytes{0x10, 0x50, 1, 2}));
    CHECK(startsKeyFrame(VideoCodec::vp8, Bytes{0x90, 0xe0, 0x92, 0x34, 0x07, 0x00, 0x50}));
    CHECK_FALSE(startsKeyFrame(VideoCodec::vp8, Bytes{0x10, 0x51, 1, 2}));
    CHECK_FALSE(startsKeyFrame(VideoCodec::vp8, Bytes{0x00, 0x50, 1, 2}));
    CHECK_FALSE(startsKeyFrame(VideoCodec::vp8, Bytes{0x11, 0x50, 1, 2}));
    CHECK_FALSE(startsKeyFrame(VideoCodec::vp8, Bytes{0x90, 0xe0, 0x92, 0x34}));
    CHECK_FALSE(startsKeyFrame(VideoCodec::vp8, Bytes{}));
  }

  TEST_CASE("tells the first packet of a VP9 key picture, of its lowest spatial layer") {
    CHECK(startsKeyFrame(VideoCodec::vp9, Bytes{0x88, 0x01, 0x82}));
    CHECK(startsKeyFrame(VideoCodec::vp9, Bytes{0xa8, 0x81, 0x01, 0x00, 0x05}));
    CHECK_FALSE(startsKeyFrame(VideoCodec::vp9, Bytes{0xa8, 0x81, 0x01, 0x02, 0x05}));
    CHECK_FALSE(startsKeyFrame(VideoCodec::vp9, Bytes{0xc8, 0x01, 0x82}));
    CHECK_FALSE(startsKeyFrame(VideoCodec::vp9, Bytes{0x80, 0x01, 0x82}));
    CHECK_FALSE(startsKeyFrame(VideoCodec::vp9, Bytes{0xa8, 0x81}));
  }

  TEST_CASE("tells H.264 packets with parameters or an IDR picture, alone, aggregated or fragmented") {
    CHECK(startsKeyFrame(VideoCodec::h264, Bytes{0x67, 0x42}));
    CHECK(startsKeyFrame(VideoCodec::h264, Bytes{0x65, 0x88}));
    CHECK(startsKeyFrame(VideoCodec::h264, Bytes{0x78, 0, 2, 0x06, 1, 0, 2, 0x67, 0x42}));
    CHECK(startsKeyFrame(VideoCodec::h264, Bytes{0x7c, 0x85, 1}));
    CHECK_FALSE(startsKeyFrame(VideoCodec::h264, Bytes{0x7c, 0x05, 1}));
    CHECK_FALSE(startsKeyFrame(VideoCodec::h264, Bytes{0x61, 0x88}));
    CHECK_FALSE(startsKeyFrame(VideoCodec::h264, Bytes{0x78, 0, 9, 0x67}));
    CHECK_FALSE(startsKeyFrame(VideoCodec::h264, Bytes{0x65}));
  }

  TEST_CASE("tells H.265 packets with parameters or a random access picture") {
    CHECK(startsKeyFrame(VideoCodec::h265, Bytes{0x40, 0x01, 0x0c}));
    CHECK(startsKeyFrame(VideoCodec::h265, Bytes{0x60, 0x01, 0, 3, 0x42, 0x01, 0x01}));
    CHECK(startsKeyFrame(VideoCodec::h265, Bytes{0x62, 0x01, 0x93}));
    CHECK_FALSE(startsKeyFrame(VideoCodec::h265, Bytes{0x62, 0x01, 0x13}));
    CHECK_FALSE(startsKeyFrame(VideoCodec::h265, Bytes{0x02, 0x01, 0x00}));
  }

  TEST_CASE("tells the first packet of an AV1 sequence") {
    CHECK(startsKeyFrame(VideoCodec::av1, Bytes{0x18, 0x0a}));
    CHECK_FALSE(startsKeyFrame(VideoCodec::av1, Bytes{0x10, 0x32}));
    CHECK_FALSE(startsKeyFrame(VideoCodec::none, Bytes{0x18, 0x0a}));
  }

  TEST_CASE("goes on with VP8's numbers where another stream takes over, and leaves the first stream's alone") {
    PictureNumbers numbers;
    Bytes last{0x90, 0xc0, 0xff, 0xff, 0xff, 0x50};
    numbers.rewrite(VideoCodec::vp8, last);
    CHECK(last == Bytes{0x90, 0xc0, 0xff, 0xff, 0xff, 0x50});
    numbers.startRun();
    Bytes first{0x90, 0xc0, 0x81, 0x00, 0x20, 0x50};
    Bytes second{0x90, 0xc0, 0x81, 0x01, 0x21, 0x51};
    numbers.rewrite(VideoCodec::vp8, first);
    numbers.rewrite(VideoCodec::vp8, second);
    CHECK(first == Bytes{0x90, 0xc0, 0x80, 0x00, 0x00, 0x50});
    CHECK(second == Bytes{0x90, 0xc0, 0x80, 0x01, 0x01, 0x51});
  }

  TEST_CASE("goes on with VP9's numbers, of seven bits too") {
    PictureNumbers numbers;
    Bytes last{0xa0, 0x7f, 0x00, 0x09};
    numbers.rewrite(VideoCodec::vp9, last);
    numbers.startRun();
    Bytes first{0xa8, 0x11, 0x00, 0x55};
    numbers.rewrite(VideoCodec::vp9, first);
    CHECK(first == Bytes{0xa8, 0x00, 0x00, 0x0a});
  }

  TEST_CASE("writes nothing where a payload ends before its numbers") {
    PictureNumbers numbers;
    Bytes cut{0x90, 0xc0, 0x81};
    numbers.rewrite(VideoCodec::vp8, cut);
    CHECK(cut == Bytes{0x90, 0xc0, 0x81});
    Bytes empty;
    numbers.rewrite(VideoCodec::vp9, empty);
    CHECK(empty.empty());
  }
}
