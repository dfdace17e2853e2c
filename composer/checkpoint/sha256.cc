#include "composer/checkpoint/sha256.h"

#include <openssl/evp.h>

#include "absl/strings/escaping.h"
#include "composer/base/logging.h"

namespace composer {

// OpenSSL fails here for want of memory alone.
Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  CHECK(context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1)
      << "OpenSSL has no SHA-256";
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

void Sha256::update(const void* data, size_t size) {
  CHECK_EQ(EVP_DigestUpdate(context_.get(), data, size), 1);
}

std::string Sha256::finish() {
  unsigned char result[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  CHECK_EQ(EVP_DigestFinal_ex(context_.get(), result, &size), 1);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(result), size));
}

std::string sha256_of(absl::string_view bytes) {
  Sha256 hash;
  hash.update(bytes.data(), bytes.size());
  return hash.finish();
}

}  // namespace composer
