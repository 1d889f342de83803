// Installs only what its owner has signed, whatever the server says (docs/signing.md). ESP32 core 2 or 3; libraries: Crypto
// by Rhys Weatherley 0.4.0 (Ed25519, SHA256), PubSubClient. Fill in the constants; PUBLIC_KEY is what `firmwire keygen` prints.
#include <Ed25519.h>
#include <HTTPClient.h>
#include <Preferences.h>
#include <PubSubClient.h>
#include <SHA256.h>
#include <Update.h>
#include <WiFi.h>
#include <time.h>

#include "manifest.h"

const char *HOST = "192.168.1.10", *OWNER = "<owner>", *KEY = "<device key>", *VERSION = "1.0.0";
const char *PLATFORM = "arduino:esp32", *UDID = "00000000-0000-4000-8000-000000000001";
const char *PUBLIC_KEY = "<64 hex digits>";

WiFiClient connection;
PubSubClient mqtt(connection);
Preferences memory;
String topic = String("/") + OWNER + "/" + UDID, token, status = "Registered";

// Why this manifest must not be followed, or null. What is checked here no server can talk a device out of.
const char *refusal(const char *text, size_t length, firmwire::Manifest *m) {
  uint8_t key[32];
  if (!firmwire::readManifest(text, length, m)) return "Manifest malformed";
  if (strlen(PUBLIC_KEY) != 64 || !firmwire::Lines::unhex(PUBLIC_KEY, key, sizeof key)) return "No public key";
  if (!Ed25519::verify(m->signature, key, text, m->signedLength)) return "Signature invalid";
  if (strcmp(m->owner, OWNER) || strcmp(m->platform, PLATFORM) || m->files != 1) return "Manifest mismatch";
  if (m->sequence < memory.getUInt("sequence", 0)) return "Sequence too low";
  // Only a clock that was set by somebody else than the server says anything: here NTP.
  time_t now = time(nullptr);
  if (now > 1700000000 && static_cast<uint64_t>(now) >= m->expires) return "Manifest expired";
  return nullptr;
}

// Writes the image as it comes, and makes it the one to start only if all of it is what was signed.
const char *install(HTTPClient &http, const firmwire::Manifest &m) {
  if (http.getSize() != static_cast<int>(m.size)) return "Wrong size";
  if (!Update.begin(m.size)) return "Not Enough space";
  SHA256 sha;
  uint8_t piece[1024], digest[32];
  for (uint32_t left = m.size; left > 0;) {
    size_t count = http.getStreamPtr()->readBytes(piece, left < sizeof piece ? left : sizeof piece);
    if (count == 0 || Update.write(piece, count) != count) {
      Update.abort();
      return "Stream broke off";
    }
    sha.update(piece, count);
    left -= count;
  }
  sha.finalize(digest, sizeof digest);
  if (memcmp(digest, m.sha256, sizeof digest)) {
    Update.abort();
    return "Wrong SHA-256";
  }
  // Before the restart: nothing older from now on, even if the new firmware falls back to this one.
  memory.putUInt("sequence", m.sequence);
  return Update.end() ? nullptr : "Update failed";
}

const char *update(const String &ott) {
  static char text[8192];
  static firmwire::Manifest manifest;
  const char *wanted[] = {"Firmwire-Manifest"};
  WiFiClient socket;
  HTTPClient http;
  http.begin(socket, String("http://") + HOST + ":7442/device/firmware?ott=" + ott);
  http.collectHeaders(wanted, 1);
  if (http.GET() != 200) return "Download refused";
  size_t length = firmwire::fromBase64url(http.header(wanted[0]).c_str(), text, sizeof text);
  const char *error = length == 0 ? "Not signed" : refusal(text, length, &manifest);
  if (!error) error = install(http, manifest);
  http.end();
  return error;
}

void onMessage(char *, byte *payload, unsigned int length) {
  String text;
  text.concat((const char *)payload, length);
  int at = text.indexOf("\"ott\":\"");
  if (text.startsWith("{\"FIRMWARE_UPDATE\":true") && at > 0) token = text.substring(at + 7, at + 50);
}

void checkIn() {
  String body = "{\"registration\":{\"mac\":\"" + WiFi.macAddress() + "\",\"version\":\"" + VERSION + "\",\"platform\":\"" +
                PLATFORM + "\",\"auto_update\":true,\"status\":\"" + status + "\"}}";
  mqtt.publish((topic + "/status").c_str(), body.c_str());
}

void setup() {
  memory.begin("firmwire");
  WiFi.begin("ssid", "password");
  configTime(0, 0, "pool.ntp.org");
  mqtt.setServer(HOST, 1883).setCallback(onMessage).setBufferSize(1024);
}

void loop() {
  if (!mqtt.loop()) {
    delay(2000);
    if (!mqtt.connect(UDID, UDID, KEY, (topic + "/status").c_str(), 0, false, "{ \"status\" : \"disconnected\" }")) return;
    mqtt.subscribe(topic.c_str());
    checkIn();
  }
  if (token.isEmpty()) return;
  const char *error = update(token);
  token = "";
  if (!error) ESP.restart();
  status = error;
  checkIn();
}
