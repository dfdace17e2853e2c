#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"

namespace composer {

/// A dtype of PyTorch's that a file of tensors can have.
struct TorchDtype {
  /// PyTorch's: "bfloat16".
  absl::string_view name;
  /// The class of its storages in a pickle, "BFloat16Storage"; empty for dtypes that are stored as
  /// untyped bytes.
  absl::string_view storage_class;
  int64_t bytes;
};

/// Null when there is none of that name.
const TorchDtype* find_torch_dtype(absl::string_view name);
/// Null when no dtype has that class.
const TorchDtype* find_torch_storage_class(absl::string_view name);

struct PickleValue;

/// A list.
struct PickleList {
  std::vector<const PickleValue*> items;
};

/// A tuple or a torch.Size.
struct PickleTuple {
  std::vector<const PickleValue*> items;
};

/// A dict.
struct PickleDict {
  std::vector<std::pair<const PickleValue*, const PickleValue*>> items;
  /// A collections.OrderedDict.
  bool ordered = false;
  /// An OrderedDict's attributes, a dict: a state dict has its modules' versions in "_metadata".
  /// Null when there are none.
  const PickleValue* attributes = nullptr;

  /// The value of the last item of that key; null when there is none.
  const PickleValue* find(absl::string_view key) const;
};

/// The bytes of tensors, which stand outside of the pickle.
struct PickleStorage {
  /// The record "data/KEY".
  std::string key;
  /// Null for untyped bytes.
  const TorchDtype* dtype = nullptr;
  int64_t size = 0;
};

/// A view of a storage. Sizes and strides are as many, none is negative; whether they stay within
/// the storage is not checked.
struct PickleTensor {
  /// A PickleStorage; tied tensors have the same one.
  const PickleValue* storage = nullptr;
  const TorchDtype* dtype = nullptr;
  /// In elements.
  int64_t offset = 0;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
  bool requires_grad = false;
  /// Its values are the conjugates, or the negatives, of those in the storage.
  bool conjugate = false;
  bool negative = false;
};

/// A class, function or constant of Python's, by its name: torch.float32.
struct PickleGlobal {
  std::string name;
};

/// What was made by a class or function that is not known here. Nothing of it is kept but the name.
struct PickleOpaque {
  std::string name;
};

/// A value in a pickle; std::monostate is None. Values point to one another, and one that stands in
/// several places is shared. A list in a damaged pickle can contain itself.
struct PickleValue {
  std::variant<std::monostate, bool, int64_t, double, std::string, PickleList, PickleTuple,
               PickleDict, PickleStorage, PickleTensor, PickleGlobal, PickleOpaque>
      value;

  /// Null when it is of another kind.
  template <typename T>
  const T* as() const {
    return std::get_if<T>(&value);
  }
  template <typename T>
  T* as() {
    return std::get_if<T>(&value);
  }

  /// "a list", for messages.
  absl::string_view kind() const;
};

/// Values, with what owns them.
class PickleTree {
 public:
  PickleTree() = default;
  PickleTree(PickleTree&&) = default;
  PickleTree& operator=(PickleTree&&) = default;

  /// The pickled object.
  const PickleValue* root = nullptr;

  PickleValue* add(PickleValue value) { return &values_.emplace_back(std::move(value)); }

 private:
  std::deque<PickleValue> values_;
};

}  // namespace composer
