/** What the sketch needs to know. */
export interface SketchFacts {
  readonly host: string;
  readonly httpPort: number;
  readonly mqttPort: number;
  readonly owner: string;
  readonly key: string;
}

/** As a string of C++ holds it. */
const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

/** A whole device for the ESP32, with PubSubClient and the core's own HTTPUpdate; the README shows the same. */
export const sketch = ({
  host,
  httpPort,
  mqttPort,
  owner,
  key,
}: SketchFacts): string => `#include <HTTPUpdate.h>
#include <PubSubClient.h>
#include <WiFi.h>
const char *HOST = ${quoted(host)}, *OWNER = ${quoted(owner)}, *KEY = ${quoted(key)}, *VERSION = "1.0.0";
const char *UDID = "00000000-0000-4000-8000-000000000001";  // one per device
WiFiClient connection;
PubSubClient mqtt(connection);
String topic = String("/") + OWNER + "/" + UDID, status = "Registered", token;

void onMessage(char *, byte *payload, unsigned int length) {
  String text;
  text.concat((const char *)payload, length);
  int at = text.indexOf("\\"ott\\":\\"");
  if (text.startsWith("{\\"FIRMWARE_UPDATE\\":true") && at > 0) token = text.substring(at + 7, at + 50);
}
void checkIn() {
  String body = "{\\"registration\\":{\\"mac\\":\\"" + WiFi.macAddress() + "\\",\\"version\\":\\"" + VERSION +
                "\\",\\"platform\\":\\"arduino:esp32\\",\\"auto_update\\":true,\\"status\\":\\"" + status + "\\"}}";
  mqtt.publish((topic + "/status").c_str(), body.c_str());
}
void setup() {
  WiFi.begin("ssid", "password");
  mqtt.setServer(HOST, ${mqttPort}).setCallback(onMessage).setBufferSize(1024);
}
void loop() {
  if (!mqtt.loop()) {
    delay(2000);
    if (!mqtt.connect(UDID, UDID, KEY, (topic + "/status").c_str(), 0, false, "{ \\"status\\" : \\"disconnected\\" }")) return;
    mqtt.subscribe(topic.c_str());
    checkIn();
  }
  if (token.isEmpty()) return;
  WiFiClient download;
  String path = "/device/firmware?ott=" + token;
  token = "";
  if (httpUpdate.update(download, HOST, ${httpPort}, path) != HTTP_UPDATE_FAILED) return;  // success restarts
  status = httpUpdate.getLastErrorString();
  checkIn();
}
`;
