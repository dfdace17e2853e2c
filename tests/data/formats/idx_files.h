#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace composer {

/// A new folder of the running test's own.
std::string make_folder();

void write_file(const std::string& path, const std::string& bytes);

/// `bytes` as one gzip member.
std::string gzip(const std::string& bytes);

/// An IDX header of unsigned bytes with these sizes.
std::string idx_header(const std::vector<uint32_t>& sizes);

}  // namespace composer
