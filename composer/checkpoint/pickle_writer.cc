#include "composer/checkpoint/pickle_writer.h"

#include <bit>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "composer/base/utf8.h"
#include "composer/checkpoint/pickle_globals.h"
#include "composer/checkpoint/pickle_opcodes.h"

namespace composer {
namespace {

using enum PickleOpcode;

constexpr int kMaxDepth = 100;

class Writer {
 public:
  absl::StatusOr<std::string> write(const PickleValue& root) {
    put(PROTO);
    put_integer(2, 1);
    visit(root);
    put(STOP);
    if (!status_.ok()) return status_;
    return std::move(out_);
  }

 private:
  void fail(absl::string_view message) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(message);
  }

  void put(PickleOpcode opcode) { out_.push_back(static_cast<char>(opcode)); }

  void put_integer(uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out_.push_back(static_cast<char>(value >> 8 * i));
  }

  // What was just written can be recalled by `recall`.
  template <typename Map, typename Key>
  void remember(Map& map, const Key& key) {
    const uint64_t index = memo_size_++;
    map[key] = index;
    put(index < 256 ? BINPUT : LONG_BINPUT);
    put_integer(index, index < 256 ? 1 : 4);
  }

  // False when it was not written yet.
  template <typename Map, typename Key>
  bool recall(const Map& map, const Key& key) {
    const auto found = map.find(key);
    if (found == map.end()) return false;
    put(found->second < 256 ? BINGET : LONG_BINGET);
    put_integer(found->second, found->second < 256 ? 1 : 4);
    return true;
  }

  void write_global(const std::string& name) {
    if (recall(globals_, name)) return;
    const size_t dot = name.rfind('.');
    if (!is_pickle_global(name)) fail(absl::StrCat(name, " cannot be written"));
    put(GLOBAL);
    absl::StrAppend(&out_, name.substr(0, dot), "\n", name.substr(dot + 1), "\n");
    remember(globals_, name);
  }

  void write_integer(int64_t value) {
    if (value >= 0 && value <= std::numeric_limits<uint8_t>::max()) {
      put(BININT1);
      put_integer(value, 1);
    } else if (value >= 0 && value <= std::numeric_limits<uint16_t>::max()) {
      put(BININT2);
      put_integer(value, 2);
    } else if (value == static_cast<int32_t>(value)) {
      put(BININT);
      put_integer(value, 4);
    } else {
      put(LONG1);
      put_integer(8, 1);
      put_integer(value, 8);
    }
  }

  void write_text(const std::string& text) {
    if (recall(texts_, text)) return;
    if (!is_utf8(text)) fail("a string is not UTF-8");
    if (text.size() > std::numeric_limits<uint32_t>::max()) fail("a string is too long");
    put(BINUNICODE);
    put_integer(text.size(), 4);
    out_ += text;
    remember(texts_, text);
  }

  void write_integers(const std::vector<int64_t>& values) {
    if (values.empty()) return put(EMPTY_TUPLE);
    put(MARK);
    for (const int64_t value : values) write_integer(value);
    put(TUPLE);
  }

  void write_ordered_dict() {
    write_global(kOrderedDict);
    put(EMPTY_TUPLE);
    put(REDUCE);
  }

  void write(std::monostate) { put(NONE); }
  void write(bool value) { put(value ? NEWTRUE : NEWFALSE); }
  void write(int64_t value) { write_integer(value); }
  void write(double value) {
    put(BINFLOAT);
    put_integer(__builtin_bswap64(std::bit_cast<uint64_t>(value)), 8);
  }
  void write(const std::string& value) { write_text(value); }
  void write(const PickleGlobal& value) { write_global(value.name); }
  void write(const PickleOpaque& value) {
    fail(absl::StrCat("what ", value.name, " made cannot be written"));
  }

  void write(const PickleTuple& tuple) {
    if (tuple.items.empty()) return put(EMPTY_TUPLE);
    put(MARK);
    for (const PickleValue* const item : tuple.items) visit(*item);
    put(TUPLE);
    remember(values_, &tuple);
  }

  // Python numbers a list or dict before what is in it, which may refer to it.
  void write(const PickleList& list) {
    put(EMPTY_LIST);
    remember(values_, &list);
    put(MARK);
    for (const PickleValue* const item : list.items) visit(*item);
    put(APPENDS);
  }

  void write(const PickleDict& dict) {
    if (dict.ordered) {
      write_ordered_dict();
    } else {
      put(EMPTY_DICT);
    }
    remember(values_, &dict);
    put(MARK);
    for (const auto& [key, value] : dict.items) {
      visit(*key);
      visit(*value);
    }
    put(SETITEMS);
    if (dict.attributes == nullptr) return;
    visit(*dict.attributes);
    put(BUILD);
  }

  void write(const PickleStorage& storage) {
    put(MARK);
    write_text("storage");
    write_global(storage.dtype == nullptr ? kUntypedStorage
                                          : absl::StrCat("torch.", storage.dtype->storage_class));
    write_text(storage.key);
    write_text("cpu");
    write_integer(storage.size);
    put(TUPLE);
    put(BINPERSID);
    remember(values_, &storage);
  }

  void write(const PickleTensor& tensor) {
    const PickleStorage& storage = *tensor.storage->as<PickleStorage>();
    const bool typed = storage.dtype != nullptr;
    write_global(typed ? kRebuildTensor2 : kRebuildTensor3);
    put(MARK);
    visit(*tensor.storage);
    write_integer(tensor.offset);
    write_integers(tensor.sizes);
    write_integers(tensor.strides);
    write(tensor.requires_grad);
    write_ordered_dict();
    if (!typed) write_global(absl::StrCat("torch.", tensor.dtype->name));
    if (tensor.conjugate || tensor.negative) {
      put(EMPTY_DICT);
      for (const auto& [name, flag] :
           {std::pair("conj", tensor.conjugate), {"neg", tensor.negative}}) {
        if (!flag) continue;
        write_text(name);
        put(NEWTRUE);
        put(SETITEM);
      }
    }
    put(TUPLE);
    put(REDUCE);
    remember(values_, &tensor);
  }

  void visit(const PickleValue& value) {
    if (depth_ == kMaxDepth) fail(absl::StrCat("values contain one another ", depth_, " deep"));
    if (!status_.ok()) return;
    ++depth_;
    std::visit(
        [this](const auto& held) {
          if (!recall(values_, &held)) write(held);
        },
        value.value);
    --depth_;
  }

  std::string out_;
  absl::Status status_;
  int depth_ = 0;
  uint64_t memo_size_ = 0;
  absl::flat_hash_map<const void*, uint64_t> values_;
  absl::flat_hash_map<std::string, uint64_t> texts_;
  absl::flat_hash_map<std::string, uint64_t> globals_;
};

}  // namespace

absl::StatusOr<std::string> write_pickle(const PickleValue& root) { return Writer().write(root); }

}  // namespace composer
