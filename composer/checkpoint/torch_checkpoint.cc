#include "composer/checkpoint/torch_checkpoint.h"

#include <ATen/ops/_neg_view.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/json_text.h"
#include "composer/base/mapped_file.h"
#include "composer/base/status.h"
#include "composer/base/utf8.h"
#include "composer/checkpoint/pickle.h"
#include "composer/checkpoint/pickle_state_dict.h"
#include "composer/checkpoint/pickle_writer.h"
#include "composer/checkpoint/stored_views.h"
#include "composer/checkpoint/torch_zip.h"
#include "composer/checkpoint/torch_zip_writer.h"

namespace composer {
namespace {

// Tensors that repeat their elements may take as much memory in any case.
constexpr uint64_t kMaxRepeated = uint64_t{64} << 20;

constexpr std::pair<absl::string_view, at::ScalarType> kTypes[] = {
    {"float64", at::kDouble},
    {"float32", at::kFloat},
    {"float16", at::kHalf},
    {"int64", at::kLong},
    {"int32", at::kInt},
    {"int16", at::kShort},
    {"int8", at::kChar},
    {"uint8", at::kByte},
    {"bool", at::kBool},
    {"bfloat16", at::kBFloat16},
    {"complex128", at::kComplexDouble},
    {"complex64", at::kComplexFloat},
    {"complex32", at::kComplexHalf},
    {"uint16", at::kUInt16},
    {"uint32", at::kUInt32},
    {"uint64", at::kUInt64},
    {"float8_e5m2", at::kFloat8_e5m2},
    {"float8_e4m3fn", at::kFloat8_e4m3fn},
    {"float8_e5m2fnuz", at::kFloat8_e5m2fnuz},
    {"float8_e4m3fnuz", at::kFloat8_e4m3fnuz},
    {"float8_e8m0fnu", at::kFloat8_e8m0fnu},
};

at::ScalarType type_of(const TorchDtype& dtype) {
  return std::find_if(std::begin(kTypes), std::end(kTypes),
                      [&](const auto& known) { return known.first == dtype.name; })
      ->second;
}

// Null for a type that PyTorch's files do not have.
const TorchDtype* dtype_of(at::ScalarType type) {
  const auto found = std::find_if(std::begin(kTypes), std::end(kTypes),
                                  [&](const auto& known) { return known.second == type; });
  return found == std::end(kTypes) ? nullptr : find_torch_dtype(found->first);
}

// Gives tensors of a file, and reads each storage once.
class StorageReader {
 public:
  StorageReader(const TorchZip& zip, uint64_t file_size) : zip_(zip), file_size_(file_size) {}

  absl::StatusOr<at::Tensor> tensor(const PickleTensor& view) {
    const PickleStorage& storage = *view.storage->as<PickleStorage>();
    COMPOSER_ASSIGN_OR_RETURN(const uint64_t bytes, zip_.storage_size(storage.key));
    COMPOSER_RETURN_IF_ERROR(check_view(view, bytes, std::max(file_size_, kMaxRepeated)));
    at::Tensor result;
    COMPOSER_RETURN_IF_ERROR(catch_exceptions([&]() -> absl::Status {
      COMPOSER_ASSIGN_OR_RETURN(const at::Tensor memory, read(storage, bytes));
      result = at::empty({0}, at::TensorOptions(type_of(*view.dtype)))
                   .set_(memory.storage(), view.offset, view.sizes, view.strides);
      if (view.conjugate) result = result.conj();
      if (view.negative) result = at::_neg_view(result);
      return absl::OkStatus();
    }));
    if (view.dtype->name == "bool") COMPOSER_RETURN_IF_ERROR(check_bools(storage.key));
    return result;
  }

 private:
  absl::StatusOr<at::Tensor> read(const PickleStorage& storage, uint64_t bytes) {
    if (const auto found = read_.find(storage.key); found != read_.end()) return found->second;
    const int64_t element = storage.dtype == nullptr ? 1 : storage.dtype->bytes;
    int64_t declared = 0;
    if (__builtin_mul_overflow(storage.size, element, &declared) ||
        static_cast<uint64_t>(declared) != bytes) {
      return absl::DataLossError(absl::StrCat("the record \"data/", storage.key, "\" has ", bytes,
                                              " bytes, its storage ", storage.size, " times ",
                                              element));
    }
    at::Tensor memory = at::empty({declared}, at::TensorOptions(at::kByte));
    COMPOSER_RETURN_IF_ERROR(
        zip_.read_storage(storage.key, {memory.mutable_data_ptr<uint8_t>(), bytes}));
    return read_.emplace(storage.key, memory).first->second;
  }

  // In C++ a bool that is neither 0 nor 1 has no meaning.
  absl::Status check_bools(const std::string& key) {
    if (!checked_bools_.insert(key).second) return absl::OkStatus();
    const at::Tensor& memory = read_.at(key);
    const uint8_t* const bytes = memory.const_data_ptr<uint8_t>();
    if (std::any_of(bytes, bytes + memory.numel(), [](uint8_t byte) { return byte > 1; })) {
      return absl::DataLossError("a bool is neither 0 nor 1");
    }
    return absl::OkStatus();
  }

  const TorchZip& zip_;
  const uint64_t file_size_;
  std::map<std::string, at::Tensor> read_;
  std::set<std::string> checked_bools_;
};

absl::StatusOr<TorchCheckpoint> read(absl::Span<const uint8_t> file, absl::string_view key) {
  COMPOSER_ASSIGN_OR_RETURN(const TorchZip zip, TorchZip::open(file));
  COMPOSER_ASSIGN_OR_RETURN(const std::string pickle, zip.pickle());
  const auto tree = read_pickle(pickle, UnknownGlobals::KEEP_OPAQUE);
  if (!tree.ok()) return annotate("the record \"data.pkl\"", tree.status());
  COMPOSER_ASSIGN_OR_RETURN(PickleStateDict found, find_state_dict(*tree->root, key));
  TorchCheckpoint checkpoint;
  checkpoint.key = std::move(found.key);
  checkpoint.left_out = std::move(found.left_out);
  StorageReader reader(zip, file.size());
  for (auto& [name, view] : found.tensors) {
    absl::StatusOr<at::Tensor> tensor = reader.tensor(*view);
    if (!tensor.ok()) return annotate(absl::StrCat("tensor ", json_quote(name)), tensor.status());
    checkpoint.tensors.emplace_back(std::move(name), *std::move(tensor));
  }
  return checkpoint;
}

absl::Status write(const std::string& path, const NamedTensors& tensors) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : tensors) {
    const auto refuse = [&name = name](absl::string_view reason) {
      return absl::InvalidArgumentError(absl::StrCat("tensor ", json_quote(name), " ", reason));
    };
    if (!is_utf8(name)) return refuse("has a name that is not UTF-8");
    if (!names.insert(name).second) return refuse("is there twice");
    if (!tensor.defined()) return refuse("is undefined");
    if (tensor.layout() != at::kStrided) return refuse("is not dense");
    if (dtype_of(tensor.scalar_type()) == nullptr) {
      return refuse(absl::StrCat("is of ", c10::toString(tensor.scalar_type()),
                                 ", which PyTorch's files do not have"));
    }
  }
  const StoredViews stored = store_views(tensors);
  PickleTree tree;
  std::vector<const PickleValue*> storages;
  for (const at::Tensor& storage : stored.storages) {
    const TorchDtype* const dtype = dtype_of(storage.scalar_type());
    const bool typed = !dtype->storage_class.empty();
    storages.push_back(
        tree.add({PickleStorage{absl::StrCat(storages.size()), typed ? dtype : nullptr,
                                typed ? storage.numel() : storage.numel() * dtype->bytes}}));
  }
  PickleDict dict = {.ordered = true};
  for (size_t i = 0; i < tensors.size(); ++i) {
    const StoredView& view = stored.views[i];
    const PickleValue* const name = tree.add({tensors[i].first});
    dict.items.emplace_back(name, tree.add({PickleTensor{
                                      .storage = storages[view.storage],
                                      .dtype = dtype_of(tensors[i].second.scalar_type()),
                                      .offset = view.offset,
                                      .sizes = view.sizes,
                                      .strides = view.strides,
                                  }}));
  }
  COMPOSER_ASSIGN_OR_RETURN(const std::string pickle, write_pickle(*tree.add({std::move(dict)})));
  COMPOSER_ASSIGN_OR_RETURN(TorchZipWriter file, TorchZipWriter::create(path));
  COMPOSER_RETURN_IF_ERROR(file.add("data.pkl", pickle));
  for (size_t i = 0; i < stored.storages.size(); ++i) {
    // One at a time: a copy in row-major order on the CPU may be needed.
    const at::Tensor memory =
        stored.storages[i].detach().cpu().resolve_conj().resolve_neg().contiguous();
    COMPOSER_RETURN_IF_ERROR(file.add(
        absl::StrCat("data/", i),
        {static_cast<const char*>(memory.const_data_ptr()), static_cast<size_t>(memory.nbytes())}));
  }
  return file.commit();
}

}  // namespace

absl::StatusOr<TorchCheckpoint> read_torch_checkpoint(const std::string& path,
                                                      absl::string_view key) {
  COMPOSER_ASSIGN_OR_RETURN(const MappedFile file,
                            MappedFile::open(path, MappedFile::Access::SEQUENTIAL));
  absl::StatusOr<TorchCheckpoint> checkpoint = read(file.bytes(), key);
  if (!checkpoint.ok()) return annotate(path, checkpoint.status());
  return checkpoint;
}

absl::Status write_torch_checkpoint(const std::string& path, const NamedTensors& tensors) {
  return annotate(path, catch_exceptions([&] { return write(path, tensors); }));
}

}  // namespace composer
