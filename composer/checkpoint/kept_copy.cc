#include "composer/checkpoint/kept_copy.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "composer/checkpoint/view_key.h"

namespace composer {
namespace {

using Memory = std::map<std::string, at::Tensor>;

// Bytes that are copied as they are.
struct Piece {
  const char* from;
  char* to;
  int64_t size;
  // Of all pieces before it.
  int64_t begin;
};

bool has_plain_bytes(const at::Tensor& tensor) {
  return tensor.is_cpu() && tensor.is_contiguous() && !tensor.is_conj() && !tensor.is_neg();
}

// All together, so that many small tensors are shared among the threads too.
void copy_pieces(const std::vector<Piece>& pieces) {
  constexpr int64_t kGrain = int64_t{1} << 20;
  if (pieces.empty()) return;
  const int64_t total = pieces.back().begin + pieces.back().size;
  at::parallel_for(0, total, kGrain, [&](int64_t begin, int64_t end) {
    auto piece = std::upper_bound(
        pieces.begin(), pieces.end(), begin,
        [](int64_t position, const Piece& other) { return position < other.begin + other.size; });
    for (; begin < end; ++piece) {
      const int64_t offset = begin - piece->begin;
      const int64_t size = std::min(end - begin, piece->size - offset);
      std::memcpy(piece->to + offset, piece->from + offset, static_cast<size_t>(size));
      begin += size;
    }
  });
}

class Copier {
 public:
  explicit Copier(Memory memory) : old_(std::move(memory)) {}

  StateDict copy(const std::string& path, const StateDict& live) {
    StateDict result = live;
    for (const auto& [name, tensor] : live.tensors()) {
      if (!tensor.defined() || tensor.layout() != at::kStrided) continue;
      result.set(name, copy(absl::StrCat(path, "/", name), tensor));
    }
    for (const auto& [name, part] : live.children()) {
      result.set(name, copy(absl::StrCat(path, "/", name, "/"), part));
    }
    return result;
  }

  // REQUIRES: called once, last.
  Memory finish() {
    copy_pieces(pieces_);
    return std::move(used_);
  }

 private:
  at::Tensor copy(const std::string& path, const at::Tensor& live) {
    ViewKey view = view_key(live);
    if (const auto found = copied_.find(view); found != copied_.end()) return found->second;
    const at::Tensor target = memory_for(path, live);
    copied_.emplace(std::move(view), target);
    used_.emplace(path, target);
    if (!has_plain_bytes(live)) {
      target.copy_(live);
    } else if (target.numel() > 0) {
      const int64_t size = static_cast<int64_t>(target.nbytes());
      pieces_.push_back({.from = static_cast<const char*>(live.const_data_ptr()),
                         .to = static_cast<char*>(target.mutable_data_ptr()),
                         .size = size,
                         .begin = total_});
      total_ += size;
    }
    return target;
  }

  at::Tensor memory_for(const std::string& path, const at::Tensor& live) {
    if (auto kept = old_.extract(path); !kept.empty()) {
      const at::Tensor& tensor = kept.mapped();
      if (tensor.scalar_type() == live.scalar_type() && tensor.sizes() == live.sizes()) {
        return tensor;
      }
    }
    return at::empty(live.sizes(), at::TensorOptions(live.scalar_type()));
  }

  Memory old_;
  Memory used_;
  std::map<ViewKey, at::Tensor> copied_;
  std::vector<Piece> pieces_;
  int64_t total_ = 0;
};

}  // namespace

StateDict KeptCopy::copy(const StateDict& live) {
  const at::NoGradGuard no_grad;
  Copier copier(std::move(memory_));
  StateDict result = copier.copy("", live);
  memory_ = copier.finish();
  return result;
}

}  // namespace composer
