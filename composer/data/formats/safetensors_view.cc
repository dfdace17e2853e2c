#include "composer/data/formats/safetensors_view.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/base/suggest.h"

namespace composer {
namespace {

constexpr std::pair<absl::string_view, ElementType> kTypes[] = {
    {"BOOL", ElementType::BOOL},   {"U8", ElementType::UINT8},      {"I8", ElementType::INT8},
    {"U16", ElementType::UINT16},  {"I16", ElementType::INT16},     {"U32", ElementType::UINT32},
    {"I32", ElementType::INT32},   {"U64", ElementType::UINT64},    {"I64", ElementType::INT64},
    {"F16", ElementType::FLOAT16}, {"BF16", ElementType::BFLOAT16}, {"F32", ElementType::FLOAT32},
    {"F64", ElementType::FLOAT64},
};

}  // namespace

absl::StatusOr<SafetensorsView> SafetensorsView::open(absl::Span<const uint8_t> file,
                                                      std::string name) {
  absl::StatusOr<SafetensorsLayout> layout = parse_safetensors(file);
  if (!layout.ok()) return annotate(name, layout.status());

  SafetensorsView view;
  view.name_ = std::move(name);
  view.entries_ = std::move(layout->header.entries);
  view.data_ = layout->data;
  for (const SafetensorsEntry& entry : view.entries_) view.names_.push_back(entry.name);
  return view;
}

absl::StatusOr<ArrayView> SafetensorsView::read(absl::string_view tensor) const {
  const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const SafetensorsEntry& e) { return e.name == tensor; });
  if (entry == entries_.end()) {
    return absl::NotFoundError(
        absl::StrCat(name_, " has no tensor \"", tensor, "\"; ", suggestion(tensor, names_)));
  }
  const auto type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                 [&](const auto& known) { return known.first == entry->dtype; });
  if (type == std::end(kTypes)) {
    return absl::UnimplementedError(
        absl::StrCat(name_, ", tensor \"", tensor, "\" is of type ", entry->dtype,
                     ", which is not read; expected BOOL, an integer, F16, BF16, F32 or F64"));
  }
  return ArrayView{type->second, entry->shape,
                   data_.subspan(entry->begin, entry->end - entry->begin)};
}

}  // namespace composer
