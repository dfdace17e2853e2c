#pragma once

namespace composer {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace composer
