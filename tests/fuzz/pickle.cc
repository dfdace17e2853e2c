#include "composer/checkpoint/pickle.h"

#include <algorithm>
#include <cstdlib>

#include "composer/checkpoint/pickle_state_dict.h"
#include "composer/checkpoint/pickle_writer.h"
#include "tests/fuzz/allocation_guard.h"

namespace {

using composer::UnknownGlobals;

// What was read can be written and read again, unless it cannot be written at all.
void check_writing(const composer::PickleTree& tree) {
  const auto written = composer::write_pickle(*tree.root);
  if (!written.ok()) return;
  const auto again = composer::read_pickle(*written);
  if (!again.ok() || again->root->value.index() != tree.root->value.index()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A byte can make a dict, and a container in a vector that doubles is there twice at times. What
  // is written again is at most about as long for each byte.
  const composer::AllocationGuard guard(size, 2048);
  const absl::string_view pickle(reinterpret_cast<const char*>(data), size);
  const auto strict = composer::read_pickle(pickle);
  const auto tree = composer::read_pickle(pickle, UnknownGlobals::KEEP_OPAQUE);
  if (strict.ok() && !tree.ok()) std::abort();
  if (!tree.ok()) return 0;
  if (strict.ok()) check_writing(*strict);
  const auto dict = composer::find_state_dict(*tree->root, "");
  if (!dict.ok()) return 0;
  for (const auto& [name, tensor] : dict->tensors) {
    if (!composer::check_view(*tensor, size, size).ok()) continue;
    if (std::find(tensor->sizes.begin(), tensor->sizes.end(), 0) != tensor->sizes.end()) continue;
    // Its last element by the numbers that were checked.
    int64_t end = tensor->offset + 1;
    for (size_t i = 0; i < tensor->sizes.size(); ++i) {
      end += (tensor->sizes[i] - 1) * tensor->strides[i];
    }
    if (static_cast<size_t>(end * tensor->dtype->bytes) > size) std::abort();
  }
  return 0;
}
