#include "composer/data/formats/digest.h"

#include <openssl/evp.h>
#include <xxhash.h>

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace composer {
namespace {

template <typename Canonical>
std::string hexadecimal(const Canonical& canonical) {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(canonical.digest), sizeof canonical.digest));
}

std::optional<std::string> xxhash(absl::string_view algorithm, absl::Span<const uint8_t> bytes) {
  if (algorithm == "xxh32") {
    XXH32_canonical_t canonical;
    XXH32_canonicalFromHash(&canonical, XXH32(bytes.data(), bytes.size(), 0));
    return hexadecimal(canonical);
  }
  if (algorithm == "xxh64" || algorithm == "xxh3_64") {
    XXH64_canonical_t canonical;
    XXH64_canonicalFromHash(&canonical, algorithm == "xxh64"
                                            ? XXH64(bytes.data(), bytes.size(), 0)
                                            : XXH3_64bits(bytes.data(), bytes.size()));
    return hexadecimal(canonical);
  }
  if (algorithm == "xxh128" || algorithm == "xxh3_128") {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
    return hexadecimal(canonical);
  }
  return std::nullopt;
}

// OpenSSL's name for hashlib's; null when there is none.
const char* openssl_name(absl::string_view algorithm) {
  constexpr std::pair<absl::string_view, const char*> kNames[] = {
      {"md5", "MD5"},           {"sha1", "SHA1"},           {"sha224", "SHA224"},
      {"sha256", "SHA256"},     {"sha384", "SHA384"},       {"sha512", "SHA512"},
      {"sha3_224", "SHA3-224"}, {"sha3_256", "SHA3-256"},   {"sha3_384", "SHA3-384"},
      {"sha3_512", "SHA3-512"}, {"blake2b", "BLAKE2B-512"}, {"blake2s", "BLAKE2S-256"},
  };
  for (const auto& [known, name] : kNames) {
    if (known == algorithm) return name;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<std::string> digest(absl::string_view algorithm, absl::Span<const uint8_t> bytes) {
  if (std::optional<std::string> result = xxhash(algorithm, bytes)) return *std::move(result);
  const char* const name = openssl_name(algorithm);
  if (name == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat("\"", algorithm,
                     "\" is no hash that can be checked; known are md5, sha1, "
                     "sha224 to sha512, sha3_224 to sha3_512, blake2b, blake2s, xxh32, xxh64, "
                     "xxh3_64 and xxh128"));
  }
  const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> type(EVP_MD_fetch(nullptr, name, nullptr),
                                                             EVP_MD_free);
  unsigned char result[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (type == nullptr ||
      EVP_Digest(bytes.data(), bytes.size(), result, &size, type.get(), nullptr) != 1) {
    return absl::UnavailableError(absl::StrCat("OpenSSL on this machine does not offer ", name));
  }
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(result), size));
}

}  // namespace composer
