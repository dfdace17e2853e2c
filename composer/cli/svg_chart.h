#pragma once

#include <string>

#include "composer/cli/chart.h"

namespace composer {

/// The chart as an SVG document, 720 by 400, that needs no other file.
std::string draw_as_svg(const Chart& chart);

}  // namespace composer
