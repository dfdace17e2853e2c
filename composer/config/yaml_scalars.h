#pragma once

#include <string>

#include "composer/config/location.h"

namespace composer {

/// Whether a bare word is a number: by JSON's rules for kJson, otherwise by those of YAML 1.2's
/// core schema. 010, which is 8 to some and 10 to others, is none.
bool is_yaml_number(const std::string& text, ConfigFormat format);

/// A JSON text with pairs of UTF-16 surrogates (\ud83d\ude00), which yaml-cpp does not take, as one
/// escape (\U0001f600).
std::string join_surrogates(const std::string& json);

}  // namespace composer
