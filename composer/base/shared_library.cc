#include "composer/base/shared_library.h"

#include <elf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "composer/base/status.h"

namespace composer {
namespace {

#if defined(__x86_64__)
constexpr int kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr int kMachine = EM_AARCH64;
#else
#error "plugins are known to work on x86-64 and AArch64 only"
#endif

absl::Status malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("is not a shared library: ", what));
}

// A file of which parts are read at given places; a part that is not all there is nothing.
class File {
 public:
  explicit File(const std::string& path) : stream_(path, std::ios::binary | std::ios::ate) {
    size_ = stream_ ? static_cast<uint64_t>(std::max<std::streamoff>(stream_.tellg(), 0)) : 0;
  }
  bool opened() const { return stream_.is_open() && stream_.good(); }
  bool has(uint64_t offset, uint64_t size) const {
    return offset <= size_ && size <= size_ - offset;
  }
  std::optional<std::string> read(uint64_t offset, uint64_t size) {
    if (!has(offset, size)) return {};
    std::string bytes(size, '\0');
    stream_.seekg(static_cast<std::streamoff>(offset));
    if (!stream_.read(bytes.data(), static_cast<std::streamsize>(size))) return {};
    return bytes;
  }
  template <typename T>
  std::optional<std::vector<T>> read_array(uint64_t offset, uint64_t count) {
    if (count > size_ / sizeof(T)) return {};
    const std::optional<std::string> bytes = read(offset, count * sizeof(T));
    if (!bytes) return {};
    std::vector<T> array(count);
    std::memcpy(array.data(), bytes->data(), bytes->size());
    return array;
  }

 private:
  std::ifstream stream_;
  uint64_t size_ = 0;
};

absl::StatusOr<Elf64_Ehdr> read_header(File& file) {
  const auto headers = file.read_array<Elf64_Ehdr>(0, 1);
  if (!headers || std::memcmp(headers->front().e_ident, ELFMAG, SELFMAG) != 0) {
    return malformed("it is no ELF file");
  }
  const Elf64_Ehdr& header = headers->front();
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != kMachine) {
    return malformed("it is made for another kind of processor");
  }
  if (header.e_type != ET_DYN) return malformed("it is a program or an object file");
  return header;
}

absl::Status check_complete(File& file, const Elf64_Ehdr& header) {
  const auto segments = file.read_array<Elf64_Phdr>(header.e_phoff, header.e_phnum);
  if (!segments) return malformed("it is cut short");
  for (const Elf64_Phdr& segment : *segments) {
    if (!file.has(segment.p_offset, segment.p_filesz)) return malformed("it is cut short");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> read_symbol(File& file, const std::string& symbol) {
  COMPOSER_ASSIGN_OR_RETURN(const Elf64_Ehdr header, read_header(file));
  COMPOSER_RETURN_IF_ERROR(check_complete(file, header));
  const auto sections = file.read_array<Elf64_Shdr>(header.e_shoff, header.e_shnum);
  if (!sections) return malformed("it is cut short");
  for (const Elf64_Shdr& table : *sections) {
    if (table.sh_type != SHT_DYNSYM || table.sh_link >= sections->size()) continue;
    const Elf64_Shdr& name_section = (*sections)[table.sh_link];
    const auto names = file.read(name_section.sh_offset, name_section.sh_size);
    const auto symbols =
        file.read_array<Elf64_Sym>(table.sh_offset, table.sh_size / sizeof(Elf64_Sym));
    if (!names || !symbols) return malformed("its table of symbols is cut short");
    for (const Elf64_Sym& entry : *symbols) {
      if (entry.st_name >= names->size() || names->c_str() + entry.st_name != symbol) continue;
      if (entry.st_shndx == SHN_UNDEF || entry.st_shndx >= sections->size()) continue;
      const Elf64_Shdr& home = (*sections)[entry.st_shndx];
      if (home.sh_type != SHT_PROGBITS || entry.st_value < home.sh_addr) continue;
      auto bytes = file.read(home.sh_offset + (entry.st_value - home.sh_addr), entry.st_size);
      if (!bytes) return malformed("its data is cut short");
      return bytes;
    }
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<std::optional<std::string>> read_exported_object(const std::string& path,
                                                                const std::string& symbol) {
  errno = 0;
  File file(path);
  if (!file.opened()) {
    return absl::NotFoundError(
        absl::StrCat(path, " cannot be read: ", errno != 0 ? std::strerror(errno) : "no data"));
  }
  auto bytes = read_symbol(file, symbol);
  if (!bytes.ok()) {
    return absl::Status(bytes.status().code(), absl::StrCat(path, " ", bytes.status().message()));
  }
  return bytes;
}

}  // namespace composer
