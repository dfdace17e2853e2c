#include "composer/checkpoint/safetensors.h"

#include <ATen/ops/empty.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <map>

#include "absl/strings/str_cat.h"
#include "composer/base/atomic_file.h"
#include "composer/base/exceptions.h"
#include "composer/base/json_text.h"
#include "composer/base/status.h"
#include "composer/base/utf8.h"
#include "composer/checkpoint/safetensors_header.h"

namespace composer {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

struct Dtype {
  absl::string_view name;
  at::ScalarType type;
};

constexpr std::array<Dtype, 17> kDtypes = {{
    {"BOOL", at::kBool},
    {"U8", at::kByte},
    {"I8", at::kChar},
    {"F8_E5M2", at::kFloat8_e5m2},
    {"F8_E4M3", at::kFloat8_e4m3fn},
    {"F8_E8M0", at::kFloat8_e8m0fnu},
    {"I16", at::kShort},
    {"U16", at::kUInt16},
    {"F16", at::kHalf},
    {"BF16", at::kBFloat16},
    {"I32", at::kInt},
    {"U32", at::kUInt32},
    {"F32", at::kFloat},
    {"C64", at::kComplexFloat},
    {"F64", at::kDouble},
    {"I64", at::kLong},
    {"U64", at::kUInt64},
}};

// A file that is open for reading.
class Input {
 public:
  static absl::StatusOr<Input> open(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return absl::ErrnoToStatus(errno, "cannot open it");
    Input input(descriptor);
    struct stat info;
    if (::fstat(descriptor, &info) != 0) return absl::ErrnoToStatus(errno, "cannot open it");
    if (!S_ISREG(info.st_mode)) return absl::FailedPreconditionError("it is no regular file");
    input.size_ = info.st_size;
    return input;
  }

  Input(Input&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}
  Input& operator=(Input&&) = delete;
  ~Input() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  uint64_t size() const { return size_; }

  absl::Status read(void* data, size_t size) {
    char* bytes = static_cast<char*>(data);
    while (size > 0) {
      const ssize_t taken = ::read(descriptor_, bytes, std::min(size, size_t{1} << 30));
      if (taken < 0 && errno == EINTR) continue;
      if (taken < 0) return absl::ErrnoToStatus(errno, "cannot read it");
      if (taken == 0) return absl::DataLossError("it became shorter while it was read");
      bytes += taken;
      size -= taken;
    }
    return absl::OkStatus();
  }

 private:
  explicit Input(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
  uint64_t size_ = 0;
};

absl::StatusOr<SafetensorsHeader> read_header(Input& file) {
  uint64_t length = 0;
  if (file.size() < sizeof length) {
    return absl::DataLossError(absl::StrCat(
        "it has ", file.size(), " bytes, too few for a safetensors file's header length"));
  }
  COMPOSER_RETURN_IF_ERROR(file.read(&length, sizeof length));
  if (length > kMaxSafetensorsHeader || length > file.size() - sizeof length) {
    return absl::DataLossError(
        absl::StrCat("it is truncated or no safetensors file: a header of ", length,
                     " bytes is announced, but ", file.size() - sizeof length,
                     " bytes follow (and at most ", kMaxSafetensorsHeader, " are allowed)"));
  }
  std::string json(length, '\0');
  COMPOSER_RETURN_IF_ERROR(file.read(json.data(), length));
  return parse_safetensors_header(json, file.size() - sizeof length - length);
}

absl::StatusOr<at::Tensor> read_tensor(Input& file, const SafetensorsEntry& entry) {
  const auto dtype = std::find_if(kDtypes.begin(), kDtypes.end(),
                                  [&](const Dtype& known) { return known.name == entry.dtype; });
  at::Tensor tensor;
  COMPOSER_RETURN_IF_ERROR(
      catch_exceptions([&] { tensor = at::empty(entry.shape, at::TensorOptions(dtype->type)); }));
  COMPOSER_RETURN_IF_ERROR(file.read(tensor.mutable_data_ptr(), entry.end - entry.begin));
  if (dtype->type == at::kBool) {
    const auto* bytes = static_cast<const uint8_t*>(tensor.const_data_ptr());
    // In C++ a bool that is neither has no meaning.
    if (std::any_of(bytes, bytes + tensor.numel(), [](uint8_t byte) { return byte > 1; })) {
      return absl::DataLossError(
          absl::StrCat("tensor ", json_quote(entry.name), ": a BOOL is neither 0 nor 1"));
    }
  }
  return tensor;
}

absl::StatusOr<SafetensorsFile> read(const std::string& path) {
  COMPOSER_ASSIGN_OR_RETURN(Input file, Input::open(path));
  COMPOSER_ASSIGN_OR_RETURN(SafetensorsHeader header, read_header(file));
  SafetensorsFile result;
  result.metadata = std::move(header.metadata);
  for (SafetensorsEntry& entry : header.entries) {
    COMPOSER_ASSIGN_OR_RETURN(at::Tensor tensor, read_tensor(file, entry));
    result.tensors.emplace_back(std::move(entry.name), std::move(tensor));
  }
  return result;
}

absl::StatusOr<SafetensorsEntry> entry_of(const std::string& name, const at::Tensor& tensor) {
  const auto refuse = [&](absl::string_view reason) {
    return absl::InvalidArgumentError(absl::StrCat("tensor ", json_quote(name), " ", reason));
  };
  if (name == "__metadata__" || !is_utf8(name)) return refuse("has a name that cannot be written");
  if (!tensor.defined()) return refuse("is undefined");
  if (tensor.layout() != at::kStrided) return refuse("is not dense");
  const auto dtype = std::find_if(kDtypes.begin(), kDtypes.end(), [&](const Dtype& known) {
    return known.type == tensor.scalar_type();
  });
  if (dtype == kDtypes.end()) {
    return refuse(absl::StrCat("is of ", c10::toString(tensor.scalar_type()),
                               ", which safetensors does not have"));
  }
  SafetensorsEntry entry;
  entry.name = name;
  entry.dtype = std::string(dtype->name);
  entry.shape = tensor.sizes().vec();
  return entry;
}

absl::Status write(const std::string& path, const NamedTensors& tensors,
                   const SafetensorsMetadata& metadata) {
  SafetensorsHeader header;
  header.metadata = metadata;
  std::map<std::string, at::Tensor> by_name;
  for (const auto& [name, tensor] : tensors) {
    COMPOSER_ASSIGN_OR_RETURN(SafetensorsEntry entry, entry_of(name, tensor));
    if (!by_name.emplace(name, tensor).second) {
      return absl::InvalidArgumentError(absl::StrCat("two tensors are called ", json_quote(name)));
    }
    header.entries.push_back(std::move(entry));
  }
  std::map<std::string, bool> keys;
  for (const auto& [key, value] : metadata) {
    if (!is_utf8(key) || !is_utf8(value) || !keys.emplace(key, true).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("the metadata ", json_quote(key), " comes twice or is not UTF-8"));
    }
  }
  lay_out(header.entries);
  const std::string json = format_safetensors_header(header);
  if (json.size() > kMaxSafetensorsHeader) {
    return absl::InvalidArgumentError("the names and metadata are too long for a header");
  }
  const uint64_t length = json.size();
  COMPOSER_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  COMPOSER_RETURN_IF_ERROR(file.write(&length, sizeof length));
  COMPOSER_RETURN_IF_ERROR(file.write(json.data(), json.size()));
  for (const SafetensorsEntry& entry : header.entries) {
    // One at a time: a copy in row-major order on the CPU may be needed.
    const at::Tensor tensor = by_name[entry.name].detach().cpu().contiguous().resolve_conj();
    COMPOSER_RETURN_IF_ERROR(file.write(tensor.const_data_ptr(), entry.end - entry.begin));
  }
  return file.commit();
}

}  // namespace

absl::StatusOr<SafetensorsFile> read_safetensors(const std::string& path) {
  absl::StatusOr<SafetensorsFile> file = read(path);
  if (!file.ok()) return annotate(path, file.status());
  return file;
}

absl::Status write_safetensors(const std::string& path, const NamedTensors& tensors,
                               const SafetensorsMetadata& metadata) {
  return annotate(path, catch_exceptions([&] { return write(path, tensors, metadata); }));
}

}  // namespace composer
