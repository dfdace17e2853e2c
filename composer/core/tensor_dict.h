#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace composer {

/// A small ordered map from name to tensor. Names are those that Python users know: `input` and
/// `target`; `input_ids`, `attention_mask` and `labels`; `logits`. Copies share the tensors.
class TensorDict {
 public:
  using Entry = std::pair<std::string, at::Tensor>;

  TensorDict() = default;
  TensorDict(std::initializer_list<Entry> entries) : entries_(entries) {}

  /// The tensor called `name`; throws a c10::IndexError that lists the names there are.
  const at::Tensor& at(absl::string_view name) const;
  /// Null when there is none.
  const at::Tensor* find(absl::string_view name) const;
  bool contains(absl::string_view name) const { return find(name) != nullptr; }

  /// Replaces the tensor called `name`, or adds it at the end.
  void set(absl::string_view name, at::Tensor tensor);
  void erase(absl::string_view name);

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }

 private:
  std::vector<Entry> entries_;
};

/// What a data loader gives and a model takes. The first dimension of every tensor counts samples,
/// zero-dimensional tensors excepted.
class Batch : public TensorDict {
 public:
  using TensorDict::TensorDict;

  /// The first dimension that the tensors share; throws when they disagree. 0 when empty.
  int64_t num_samples() const;
  /// Rows times columns of `input_ids`; 0 when there is none.
  int64_t num_tokens() const;

  /// `input`, or `input_ids` where there is none.
  absl::string_view input_name() const;
  /// `target`, or `labels` where there is none.
  absl::string_view target_name() const;

  Batch to(at::Device device) const;

  /// Microbatches of `size` samples, the last one possibly smaller; views, not copies.
  std::vector<Batch> split(int64_t size) const;
};

/// What a model's forward gives: `logits` for a classifier.
class Outputs : public TensorDict {
 public:
  using TensorDict::TensorDict;
};

}  // namespace composer
