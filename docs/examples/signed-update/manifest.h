// Reads a Firmwire manifest (docs/signing.md). Plain C++11 without Arduino and without the heap; test/house/signing.test.ts
// compiles it and compares it with the server's own reader.
#pragma once
#include <stdint.h>
#include <string.h>

namespace firmwire {

struct Manifest {
  char owner[129], platform[66], version[65];
  uint32_t sequence;
  uint64_t expires;  // seconds since the epoch
  bool rollback;
  uint32_t files;    // how many; the members below are those of the first
  uint32_t size;
  uint8_t sha256[32];
  uint8_t signature[64];
  size_t signedLength;  // so many bytes of the text are signed
};

// One line after the other; whatever is not as it must be ends it all.
class Lines {
 public:
  Lines(const char *text, size_t length) : at_(text), end_(text + length) {}
  // The rest of a line that begins with this name and a blank.
  bool take(const char *name, const char **value, size_t *length) {
    size_t skip = strlen(name);
    const char *stop = static_cast<const char *>(memchr(at_, '\n', end_ - at_));
    if (!stop || static_cast<size_t>(stop - at_) < skip + 1 || memcmp(at_, name, skip) || at_[skip] != ' ') return false;
    *value = at_ + skip + 1;
    *length = stop - *value;
    at_ = stop + 1;
    return true;
  }
  bool text(const char *name, char *into, size_t room) {
    const char *value;
    size_t length;
    if (!take(name, &value, &length) || length == 0 || length >= room || memchr(value, ' ', length)) return false;
    memcpy(into, value, length);
    into[length] = 0;
    return true;
  }
  bool number(const char *name, uint64_t most, uint64_t *into) {
    const char *value;
    size_t length;
    return take(name, &value, &length) && digits(value, length, most, into);
  }
  bool hex(const char *name, uint8_t *into, size_t bytes) {
    const char *value;
    size_t length;
    return take(name, &value, &length) && length == 2 * bytes && unhex(value, into, bytes);
  }
  static bool digits(const char *value, size_t length, uint64_t most, uint64_t *into) {
    if (length == 0 || length > 12 || (value[0] == '0' && length > 1)) return false;
    *into = 0;
    for (size_t i = 0; i < length; i++) {
      if (value[i] < '0' || value[i] > '9') return false;
      *into = *into * 10 + (value[i] - '0');
    }
    return *into <= most;
  }
  static bool unhex(const char *value, uint8_t *into, size_t bytes) {
    for (size_t i = 0; i < 2 * bytes; i++) {
      char c = value[i];
      uint8_t half = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 255;
      if (half == 255) return false;
      into[i / 2] = i % 2 ? into[i / 2] | half : half << 4;
    }
    return true;
  }
  const char *at() const { return at_; }
  bool ended() const { return at_ == end_; }

 private:
  const char *at_, *end_;
};

// Reads the text. True says nothing about who wrote it: check `signature` over the first `signedLength` bytes.
inline bool readManifest(const char *text, size_t length, Manifest *m) {
  Lines lines(text, length);
  uint64_t sequence, size;
  char flag[4], signer[17];
  const char *line;
  size_t room;
  if (!lines.take("firmwire-manifest", &line, &room) || room != 1 || *line != '1') return false;
  if (!lines.text("owner", m->owner, sizeof m->owner)) return false;
  if (!lines.text("platform", m->platform, sizeof m->platform)) return false;
  if (!lines.text("version", m->version, sizeof m->version)) return false;
  if (!lines.number("sequence", UINT32_MAX, &sequence) || sequence == 0) return false;
  if (!lines.number("expires", UINT64_MAX, &m->expires)) return false;
  if (!lines.text("rollback", flag, sizeof flag)) return false;
  m->sequence = static_cast<uint32_t>(sequence);
  m->rollback = strcmp(flag, "yes") == 0;
  if (!m->rollback && strcmp(flag, "no")) return false;
  for (m->files = 0; lines.take("file", &line, &room); m->files++) {
    const char *blank = static_cast<const char *>(memchr(line, ' ', room));
    if (!blank || room < static_cast<size_t>(blank - line) + 67 || blank[65] != ' ') return false;
    uint8_t digest[32];
    if (!Lines::digits(line, blank - line, UINT32_MAX, &size) || !Lines::unhex(blank + 1, digest, 32)) return false;
    if (m->files > 0) continue;
    m->size = static_cast<uint32_t>(size);
    memcpy(m->sha256, digest, sizeof digest);
  }
  if (m->files == 0 || !lines.text("signer", signer, sizeof signer)) return false;
  m->signedLength = lines.at() - text;
  return lines.hex("signature", m->signature, sizeof m->signature) && lines.ended();
}

// Undoes base64url (RFC 4648, 5), as the header has it. Returns how many bytes came of it; 0 if it is none or too long.
inline size_t fromBase64url(const char *text, char *into, size_t room) {
  uint32_t bits = 0;
  size_t count = 0, held = 0;
  for (; *text; text++) {
    char c = *text;
    int value = c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52
              : c == '-' ? 62 : c == '_' ? 63 : -1;
    if (value < 0) return 0;
    bits = (bits << 6) | static_cast<uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    if (count == room) return 0;
    into[count++] = static_cast<char>(bits >> held);
  }
  return count;
}

}  // namespace firmwire
