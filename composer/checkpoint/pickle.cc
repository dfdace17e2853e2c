#include "composer/checkpoint/pickle.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "composer/base/utf8.h"
#include "composer/checkpoint/pickle_globals.h"
#include "composer/checkpoint/pickle_opcodes.h"

namespace composer {
namespace {

// Longer ones of Python's are not known anyway.
constexpr size_t kMaxGlobal = 300;
// What values may take for each byte of the pickle, and besides. torch.save's take about 30.
constexpr size_t kMemoryPerByte = 160;
constexpr size_t kMemoryBase = size_t{64} << 10;
constexpr size_t kMaxMemory = size_t{2} << 30;

// What a value holds beside itself.
size_t memory_beside(const PickleValue& value) {
  if (const auto* tuple = value.as<PickleTuple>()) {
    return tuple->items.size() * sizeof(PickleValue*);
  }
  if (const auto* tensor = value.as<PickleTensor>()) {
    return 2 * tensor->sizes.size() * sizeof(int64_t);
  }
  if (const auto* storage = value.as<PickleStorage>()) return storage->key.size();
  if (const auto* global = value.as<PickleGlobal>()) return global->name.size();
  if (const auto* opaque = value.as<PickleOpaque>()) return opaque->name.size();
  if (const auto* text = value.as<std::string>()) return text->size();
  return 0;
}

class Reader {
 public:
  Reader(absl::string_view pickle, UnknownGlobals unknown)
      : pickle_(pickle),
        unknown_(unknown),
        memory_(std::min(kMaxMemory, kMemoryBase + kMemoryPerByte * pickle.size())),
        none_(tree_.add({})),
        false_(tree_.add({false})),
        true_(tree_.add({true})),
        empty_tuple_(tree_.add({PickleTuple()})) {}

  absl::StatusOr<PickleTree> read() {
    if (!absl::StartsWith(pickle_, "\x80\x02")) {
      return absl::DataLossError(
          pickle_.size() > 1 && pickle_[0] == '\x80'
              ? absl::StrFormat("it is of pickle's protocol %d; expected 2, torch.save's default",
                                static_cast<uint8_t>(pickle_[1]))
              : "it is no pickle of protocol 2, torch.save's default");
    }
    position_ = 2;
    while (status_.ok() && tree_.root == nullptr) step();
    if (!status_.ok()) return status_;
    if (position_ != pickle_.size()) {
      return absl::DataLossError(
          absl::StrCat("byte ", position_, ": there is more after the pickle's end"));
    }
    return std::move(tree_);
  }

 private:
  // Errors. The first one stays, and everything reads as None from then on.

  void fail(absl::StatusCode code, absl::string_view message) {
    if (status_.ok()) status_ = absl::Status(code, absl::StrCat("byte ", start_, ": ", message));
  }
  void damaged(absl::string_view message) { fail(absl::StatusCode::kDataLoss, message); }

  // Bytes.

  absl::string_view take(uint64_t count) {
    if (count > pickle_.size() - position_) {
      damaged("it goes on past the pickle's end: it is truncated");
      return {};
    }
    const absl::string_view bytes = pickle_.substr(position_, count);
    position_ += count;
    return bytes;
  }

  uint64_t unsigned_integer(size_t bytes) {
    uint64_t value = 0;
    const absl::string_view taken = take(bytes);
    for (size_t i = 0; i < taken.size(); ++i)
      value |= uint64_t{static_cast<uint8_t>(taken[i])} << 8 * i;
    return value;
  }

  absl::string_view line() {
    const size_t end = pickle_.find('\n', position_);
    if (end == absl::string_view::npos || end - position_ > kMaxGlobal) {
      damaged("a name is too long or does not end");
      return {};
    }
    const absl::string_view text = take(end - position_);
    ++position_;
    return text;
  }

  // Values.

  void charge(size_t bytes) {
    if (bytes > memory_) return damaged("it makes more values than a pickle of its size has");
    memory_ -= bytes;
  }

  PickleValue* make(PickleValue value) {
    charge(sizeof value + memory_beside(value));
    return status_.ok() ? tree_.add(std::move(value)) : none_;
  }

  void push(PickleValue* value) {
    charge(sizeof value);
    if (status_.ok()) stack_.push_back(value);
  }

  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  PickleValue* pop() {
    if (stack_.size() <= floor()) {
      damaged("it takes a value where there is none");
      return none_;
    }
    PickleValue* const value = stack_.back();
    stack_.pop_back();
    return value;
  }

  PickleValue* top() {
    PickleValue* const value = pop();
    if (status_.ok()) stack_.push_back(value);
    return value;
  }

  // The values since the last mark, which goes.
  std::vector<PickleValue*> pop_mark() {
    if (marks_.empty()) {
      damaged("it goes back to a mark where there is none");
      return {};
    }
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleValue*> values(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return values;
  }

  void push_tuple(size_t count) {
    PickleTuple tuple;
    tuple.items.resize(count);
    for (size_t i = count; i > 0; --i) tuple.items[i - 1] = pop();
    push(make({std::move(tuple)}));
  }

  void push_text(uint64_t size) {
    const absl::string_view text = take(size);
    push(is_utf8(text) ? make({std::string(text)}) : opaque("a string that is not UTF-8"));
  }

  // A little-endian integer of any number of bytes.
  void push_long(uint64_t size) {
    const absl::string_view bytes = take(size);
    if (bytes.size() > 8) return push(opaque("an integer of more than 64 bits"));
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.size(); ++i)
      value |= uint64_t{static_cast<uint8_t>(bytes[i])} << 8 * i;
    const bool negative = !bytes.empty() && (bytes.back() & 0x80) != 0;
    if (negative && bytes.size() < 8) value |= ~uint64_t{0} << 8 * bytes.size();
    push(make({static_cast<int64_t>(value)}));
  }

  PickleValue* opaque(absl::string_view name) {
    if (unknown_ == UnknownGlobals::REFUSE) {
      fail(absl::StatusCode::kInvalidArgument, unknown_global(name));
    }
    return make({PickleOpaque{std::string(name)}});
  }

  void push_global() {
    const absl::string_view module = line(), object = line();
    const std::string name = absl::StrCat(module, ".", object);
    if (!is_utf8(name)) damaged("a name is not UTF-8");
    if (!status_.ok()) return;
    push(is_pickle_global(name) ? make({PickleGlobal{name}}) : opaque(name));
  }

  // Containers.

  void set_items(const std::vector<PickleValue*>& values) {
    PickleValue* const target = top();
    if (target->as<PickleOpaque>() != nullptr) return;
    PickleDict* const dict = target->as<PickleDict>();
    if (dict == nullptr || values.size() % 2 != 0) {
      return damaged(
          absl::StrCat("it sets ", values.size(), " keys and values of ", target->kind()));
    }
    charge(values.size() * sizeof(PickleValue*));
    if (!status_.ok()) return;
    for (size_t i = 0; i < values.size(); i += 2) {
      dict->items.emplace_back(values[i], values[i + 1]);
    }
  }

  void append(const std::vector<PickleValue*>& values) {
    PickleValue* const target = top();
    if (target->as<PickleOpaque>() != nullptr) return;
    PickleList* const list = target->as<PickleList>();
    if (list == nullptr) return damaged(absl::StrCat("it appends to ", target->kind()));
    charge(values.size() * sizeof(PickleValue*));
    if (status_.ok()) list->items.insert(list->items.end(), values.begin(), values.end());
  }

  void build() {
    const PickleValue* const state = pop();
    PickleValue* const target = top();
    if (target->as<PickleOpaque>() != nullptr) return;
    PickleDict* const dict = target->as<PickleDict>();
    if (dict == nullptr || !dict->ordered) {
      return damaged(absl::StrCat("it sets attributes of ", target->kind()));
    }
    dict->attributes = state;
  }

  // Calls.

  void push_result(const absl::StatusOr<PickleValue>& result) {
    if (!result.ok()) return damaged(result.status().message());
    push(make(*result));
  }

  // Whatever is made of something unknown is unknown.
  static PickleValue* find_opaque(const PickleTuple& arguments) {
    // One large tuple can stand in many calls. No known one has as many.
    if (arguments.items.size() > 10) return nullptr;
    for (const PickleValue* const argument : arguments.items) {
      if (argument->as<PickleOpaque>()) return const_cast<PickleValue*>(argument);
    }
    return nullptr;
  }

  void push_storage() {
    const PickleValue* const id = pop();
    const PickleTuple* const tuple = id->as<PickleTuple>();
    if (tuple == nullptr) return damaged(absl::StrCat("it has ", id->kind(), " as a storage's id"));
    if (PickleValue* const opaque = find_opaque(*tuple)) return push(opaque);
    push_result(make_pickle_storage(*tuple));
  }

  void reduce() {
    const PickleValue* const arguments = pop();
    PickleValue* const function = pop();
    if (!status_.ok()) return;
    if (function->as<PickleOpaque>() != nullptr) return push(function);
    const PickleGlobal* const global = function->as<PickleGlobal>();
    const PickleTuple* const tuple = arguments->as<PickleTuple>();
    if (global == nullptr || tuple == nullptr) {
      return damaged(absl::StrCat("it calls ", function->kind()));
    }
    if (PickleValue* const opaque = find_opaque(*tuple)) return push(opaque);
    push_result(call_pickle_global(global->name, *tuple));
  }

  // One instruction.
  void step() {
    start_ = position_;
    const absl::string_view opcode = take(1);
    if (opcode.empty()) return;
    switch (static_cast<PickleOpcode>(opcode[0])) {
      using enum PickleOpcode;
      case STOP:
        if (stack_.size() != 1 || !marks_.empty()) return damaged("it ends with values left over");
        tree_.root = stack_[0];
        return;
      case MARK:
        charge(sizeof(size_t));
        if (status_.ok()) marks_.push_back(stack_.size());
        return;
      case NONE:
        return push(none_);
      case NEWTRUE:
        return push(true_);
      case NEWFALSE:
        return push(false_);
      case EMPTY_TUPLE:
        return push(empty_tuple_);
      case EMPTY_LIST:
        return push(make({PickleList()}));
      case EMPTY_DICT:
        return push(make({PickleDict()}));
      case BININT:
        return push(make({int64_t{static_cast<int32_t>(unsigned_integer(4))}}));
      case BININT1:
        return push(make({static_cast<int64_t>(unsigned_integer(1))}));
      case BININT2:
        return push(make({static_cast<int64_t>(unsigned_integer(2))}));
      case LONG1:
        return push_long(unsigned_integer(1));
      case LONG4:
        return push_long(unsigned_integer(4));
      case BINFLOAT:
        return push(make({std::bit_cast<double>(__builtin_bswap64(unsigned_integer(8)))}));
      case BINUNICODE:
      case BINSTRING:
        return push_text(unsigned_integer(4));
      case SHORT_BINSTRING:
        return push_text(unsigned_integer(1));
      case TUPLE1:
        return push_tuple(1);
      case TUPLE2:
        return push_tuple(2);
      case TUPLE3:
        return push_tuple(3);
      case TUPLE: {
        const std::vector<PickleValue*> values = pop_mark();
        return push(make({PickleTuple{{values.begin(), values.end()}}}));
      }
      case APPEND:
        return append({pop()});
      case APPENDS:
        return append(pop_mark());
      case SETITEM: {
        PickleValue* const value = pop();
        PickleValue* const key = pop();
        return set_items({key, value});
      }
      case SETITEMS:
        return set_items(pop_mark());
      case BUILD:
        return build();
      case GLOBAL:
        return push_global();
      case REDUCE:
      case NEWOBJ:
        return reduce();
      case BINPERSID:
        return push_storage();
      case BINPUT:
        return put(unsigned_integer(1));
      case LONG_BINPUT:
        return put(unsigned_integer(4));
      case BINGET:
        return get(unsigned_integer(1));
      case LONG_BINGET:
        return get(unsigned_integer(4));
      default:
        return fail(absl::StatusCode::kInvalidArgument,
                    absl::StrFormat("the pickle has the instruction 0x%02x (%s), which torch.save "
                                    "does not write",
                                    static_cast<uint8_t>(opcode[0]), absl::CHexEscape(opcode)));
    }
  }

  void put(uint64_t index) {
    PickleValue* const value = top();
    charge(2 * (sizeof(uint32_t) + sizeof value));
    if (status_.ok()) memo_[static_cast<uint32_t>(index)] = value;
  }

  void get(uint64_t index) {
    const auto found = memo_.find(static_cast<uint32_t>(index));
    if (found == memo_.end()) return damaged(absl::StrCat("it recalls value ", index, " of none"));
    push(found->second);
  }

  const absl::string_view pickle_;
  const UnknownGlobals unknown_;
  size_t position_ = 0;
  // Of the instruction that is read.
  size_t start_ = 0;
  absl::Status status_;
  // What may still be used.
  size_t memory_;

  PickleTree tree_;
  // Each stands in any number of places.
  PickleValue* const none_;
  PickleValue* const false_;
  PickleValue* const true_;
  PickleValue* const empty_tuple_;
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;
  absl::flat_hash_map<uint32_t, PickleValue*> memo_;
};

}  // namespace

std::string unknown_global(absl::string_view name) {
  return absl::StrCat("it refers to ", name,
                      ", which is not among what is read: tensors, dicts, lists, tuples, numbers, "
                      "strings; nothing was executed");
}

absl::StatusOr<PickleTree> read_pickle(absl::string_view pickle, UnknownGlobals unknown) {
  return Reader(pickle, unknown).read();
}

}  // namespace composer
