// Takes calls of Vonage's Audio Connector and says back what each caller says; a # ends the call.
// npm run example connector 8765
import { TroupeError } from "troupe";
import { AudioConnectorServer } from "troupe/audio-connector";

const [port = "8765"] = process.argv.slice(2);
if (!/^\d+$/.test(port)) throw TroupeError.expected("INVALID_OPTION", "the port", "0 to 65535", port);
const server = await AudioConnectorServer.start({
  port: Number(port),
  onConnect: (call) => {
    const { id } = call.info();
    console.log(`${id}: calls at ${call.sampleRate} Hz`);
    call.on("track", (track) => call.publish(track));
    call.on("dtmf", (digit) => {
      console.log(`${id}: pressed ${digit}`);
      if (digit === "#") void call.disconnect("bye");
    });
    call.on("disconnected", (code, reason) => console.log(`${id}: left, ${code} ${reason}`));
  },
});
console.log(`Calls come to ${server.address}; Ctrl-C ends it.`);
process.once("SIGINT", () => server.stop());
