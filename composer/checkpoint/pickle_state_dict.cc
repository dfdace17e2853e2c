#include "composer/checkpoint/pickle_state_dict.h"

#include <algorithm>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "composer/base/json_text.h"
#include "composer/base/status.h"
#include "composer/base/suggest.h"
#include "composer/checkpoint/pickle.h"

namespace composer {
namespace {

// More than any program nests its modules and names them.
constexpr int kMaxDepth = 32;
constexpr size_t kMaxName = 1000;

// Where Composer's trainer, Lightning, tutorials and others put the model.
constexpr absl::string_view kUsualKeys[] = {"state.model", "state_dict", "model_state_dict",
                                            "model"};

std::string text_of_key(const PickleValue& key) {
  if (const auto* text = key.as<std::string>()) return *text;
  if (const auto* integer = key.as<int64_t>()) return absl::StrCat(*integer);
  return "";
}

std::vector<std::string> names_of(const PickleValue& value) {
  std::vector<std::string> names;
  if (const auto* dict = value.as<PickleDict>()) {
    for (const auto& item : dict->items) names.push_back(text_of_key(*item.first).substr(0, 100));
  }
  return names;
}

// The value of the last item of that key, be it a string or an integer. Null when there is none.
const PickleValue* find(const PickleDict& dict, absl::string_view key) {
  const auto found = std::find_if(dict.items.rbegin(), dict.items.rend(), [key](const auto& item) {
    return text_of_key(*item.first) == key;
  });
  return found == dict.items.rend() ? nullptr : found->second;
}

// The value under `key`, where a dot may be a part of a name. Null when there is none.
const PickleValue* follow(const PickleValue& value, absl::string_view key, int depth = 0) {
  const PickleDict* const dict = value.as<PickleDict>();
  if (dict == nullptr || depth == kMaxDepth) return nullptr;
  if (const PickleValue* const found = find(*dict, key)) return found;
  const size_t dot = key.find('.');
  if (dot == absl::string_view::npos) return nullptr;
  const PickleValue* const next = find(*dict, key.substr(0, dot));
  return next == nullptr ? nullptr : follow(*next, key.substr(dot + 1), depth + 1);
}

// "; there are a, b and c", as far as a message can hold.
std::string known_keys(const PickleValue& root) {
  std::vector<std::string> names = names_of(root);
  constexpr size_t kShown = 12;
  if (names.empty()) return "";
  const bool more = names.size() > kShown;
  if (more) names.resize(kShown);
  return absl::StrCat("; its keys are ", absl::StrJoin(names, ", "), more ? ", ..." : "");
}

class Flattener {
 public:
  absl::Status add(const PickleDict& dict, const std::string& prefix, int depth) {
    // A dict that stands in several places could be unfolded without end.
    if (depth == kMaxDepth || !seen_.insert(&dict).second) {
      return absl::DataLossError(absl::StrCat("the dict ", json_quote(prefix),
                                              " is nested too deep or stands there twice"));
    }
    for (const auto& [key, value] : dict.items) {
      const std::string name = absl::StrCat(prefix, text_of_key(*key));
      if (name.size() == prefix.size() && key->as<std::string>() == nullptr) {
        return absl::InvalidArgumentError(
            absl::StrCat(key->kind(), " is a key in the dict ", json_quote(prefix)));
      }
      if (name.size() > kMaxName) {
        return absl::DataLossError(
            absl::StrCat("a name of ", name.size(), " bytes; at most ", kMaxName, " are read"));
      }
      if (const auto* inner = value->as<PickleDict>()) {
        COMPOSER_RETURN_IF_ERROR(add(*inner, absl::StrCat(name, "."), depth + 1));
      } else if (const auto* tensor = value->as<PickleTensor>()) {
        if (!names_.insert(name).second) {
          return absl::DataLossError(absl::StrCat(json_quote(name), " stands there twice"));
        }
        result_.tensors.emplace_back(name, tensor);
      } else if (const auto* opaque = value->as<PickleOpaque>()) {
        return absl::InvalidArgumentError(
            absl::StrCat(json_quote(name), ": ", unknown_global(opaque->name)));
      } else {
        result_.left_out.push_back(name);
      }
    }
    return absl::OkStatus();
  }

  PickleStateDict take() { return std::move(result_); }

 private:
  PickleStateDict result_;
  std::unordered_set<const PickleDict*> seen_;
  std::unordered_set<std::string> names_;
};

}  // namespace

absl::StatusOr<PickleStateDict> find_state_dict(const PickleValue& root, absl::string_view key) {
  const PickleValue* value = &root;
  std::string used(key);
  if (!key.empty()) {
    value = follow(root, key);
    if (value == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "it has nothing under the key ", json_quote(key), "; ", suggestion(key, names_of(root))));
    }
  } else {
    for (const absl::string_view usual : kUsualKeys) {
      const PickleValue* const found = follow(root, usual);
      if (found == nullptr || found->as<PickleDict>() == nullptr) continue;
      value = found;
      used = std::string(usual);
      break;
    }
  }
  const std::string where = used.empty() ? "it" : absl::StrCat("what is under ", json_quote(used));
  if (const auto* opaque = value->as<PickleOpaque>()) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": ", unknown_global(opaque->name)));
  }
  const PickleDict* const dict = value->as<PickleDict>();
  if (dict == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected a dict of tensors, but ", where, " is ", value->kind()));
  }
  Flattener flattener;
  const absl::Status status = flattener.add(*dict, "", 0);
  const std::string hint =
      key.empty()
          ? absl::StrCat("; another dict in the file is chosen by its key", known_keys(root))
          : "";
  if (!status.ok()) return absl::Status(status.code(), absl::StrCat(status.message(), hint));
  PickleStateDict result = flattener.take();
  result.key = std::move(used);
  if (result.tensors.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(where, " has no tensors", hint));
  }
  return result;
}

absl::Status check_view(const PickleTensor& tensor, uint64_t storage_bytes, uint64_t max_bytes) {
  const int64_t bytes = tensor.dtype->bytes;
  // An empty dimension makes no elements, but LibTorch multiplies the others all the same.
  int64_t dense = bytes, last = tensor.offset, end = 0;
  bool overflow = false, empty = false;
  for (size_t i = 0; i < tensor.sizes.size(); ++i) {
    const int64_t size = tensor.sizes[i];
    int64_t step = 0;
    empty = empty || size == 0;
    overflow |= __builtin_mul_overflow(dense, std::max<int64_t>(size, 1), &dense);
    overflow |= __builtin_mul_overflow(std::max<int64_t>(size, 1) - 1, tensor.strides[i], &step);
    overflow |= __builtin_add_overflow(last, step, &last);
  }
  overflow |= __builtin_add_overflow(last, 1, &end);
  overflow |= __builtin_mul_overflow(end, bytes, &end);
  const auto describe = [&](absl::string_view what) {
    return absl::DataLossError(absl::StrCat(
        "a tensor of ", tensor.dtype->name, " [", absl::StrJoin(tensor.sizes, ", "),
        "] with strides [", absl::StrJoin(tensor.strides, ", "), "] from ", tensor.offset, what));
  };
  if (overflow || (!empty && static_cast<uint64_t>(end) > storage_bytes)) {
    return describe(absl::StrCat(" goes past the ", storage_bytes, " bytes of its storage"));
  }
  if (!empty && static_cast<uint64_t>(dense) > max_bytes) {
    return describe(" repeats so few elements that it is refused");
  }
  return absl::OkStatus();
}

}  // namespace composer
