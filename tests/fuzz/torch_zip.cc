#include "composer/checkpoint/torch_zip.h"

#include <cstdlib>
#include <vector>

#include "composer/checkpoint/pickle.h"
#include "composer/checkpoint/pickle_state_dict.h"
#include "tests/fuzz/allocation_guard.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // The library makes room for 65,536 more members where there are more than the end record says.
  const composer::AllocationGuard guard(size, 1024, size_t{4} << 20);
  const auto zip = composer::TorchZip::open({data, size});
  if (!zip.ok()) return 0;
  const auto pickle = zip->pickle();
  if (!pickle.ok()) return 0;
  const auto tree = composer::read_pickle(*pickle, composer::UnknownGlobals::KEEP_OPAQUE);
  if (!tree.ok()) return 0;
  const auto dict = composer::find_state_dict(*tree->root, "");
  if (!dict.ok()) return 0;
  for (const auto& [name, tensor] : dict->tensors) {
    const std::string& key = tensor->storage->as<composer::PickleStorage>()->key;
    const auto bytes = zip->storage_size(key);
    if (!bytes.ok()) continue;
    if (*bytes > size) std::abort();
    std::vector<uint8_t> storage(*bytes);
    // An error is as good as a success; neither reads or writes beside it.
    (void)zip->read_storage(key, absl::MakeSpan(storage));
    (void)composer::check_view(*tensor, *bytes, size);
  }
  return 0;
}
