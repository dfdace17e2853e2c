#pragma once

#include <string>

namespace composer {

/// Makes the files that composer/data/README.md names, in the folder `root`: small ones, in part
/// what the Python originals wrote (tests/golden/data).
void make_page_files(const std::string& root);

}  // namespace composer
