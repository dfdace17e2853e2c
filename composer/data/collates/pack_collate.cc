#include "composer/data/collates/pack_collate.h"

#include <ATen/ops/full.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/data/registry.h"
#include "composer/data/samples.h"
#include "proto/data.pb.h"

namespace composer {
namespace {

constexpr int64_t kNoLabel = -100;

// Tokens [first, first + count) of a sample, and where they go.
struct Document {
  size_t sample;
  int64_t first;
  int64_t count;
  int64_t row = 0;
  int64_t column = 0;
};

std::vector<Document> documents_of(absl::Span<const int64_t> sizes, int64_t length, bool split) {
  std::vector<Document> documents;
  for (size_t sample = 0; sample < sizes.size(); ++sample) {
    const int64_t end = split ? sizes[sample] : std::min(sizes[sample], length);
    for (int64_t first = 0; first < end; first += length) {
      documents.push_back({sample, first, std::min(length, end - first)});
    }
  }
  return documents;
}

// Gives each document its place; how many rows that takes.
int64_t place(std::vector<Document>& documents, int64_t length) {
  std::vector<int64_t> used;
  for (Document& document : documents) {
    const auto row = std::find_if(used.begin(), used.end(), [&](int64_t tokens) {
      return tokens + document.count <= length;
    });
    document.row = row - used.begin();
    if (row == used.end()) used.push_back(0);
    document.column = used[document.row];
    used[document.row] += document.count;
  }
  return static_cast<int64_t>(used.size());
}

void check_sample(const TensorDict& sample, const TensorDict& first, size_t number) {
  const at::Tensor& tokens = sample.at("input_ids");
  TORCH_CHECK_VALUE(
      tokens.dim() == 1 && at::isIntegralType(tokens.scalar_type(), /*includeBool=*/false),
      "\"input_ids\" of sample ", number, " of the batch is ", tokens.dtype().name(), " ",
      tokens.sizes(), "; packing needs integers [tokens]");
  for (const auto& [name, tensor] : sample) {
    const at::Tensor& model = first.at(name);
    TORCH_CHECK_VALUE(tensor.dim() > 0 && tensor.size(0) == tokens.size(0), "\"", name,
                      "\" of sample ", number, " of the batch is ", tensor.sizes(),
                      "; packing needs a value for each of its ", tokens.size(0), " input_ids");
    TORCH_CHECK_VALUE(
        tensor.dtype() == model.dtype() && tensor.sizes().slice(1) == model.sizes().slice(1), "\"",
        name, "\" of sample ", number, " of the batch is ", tensor.dtype().name(), " ",
        tensor.sizes(), "; that of the first sample is ", model.dtype().name(), " ", model.sizes());
    TORCH_CHECK_VALUE(name != "document_ids" && name != "position_ids", "the samples have \"", name,
                      "\", which packing makes");
    TORCH_CHECK_VALUE(name != "attention_mask" || tensor.all().item<bool>(),
                      "\"attention_mask\" of sample ", number,
                      " of the batch has zeros; packing needs tokens without filling");
    TORCH_CHECK_VALUE(name != "labels" || (tensor.dim() == 1 && tensor.scalar_type() == at::kLong),
                      "\"labels\" of sample ", number, " of the batch is ", tensor.dtype().name(),
                      " ", tensor.sizes(), "; packing needs int64 [tokens]");
  }
}

// Throws when the labels are clearly what the config says they are not.
void check_labels(absl::Span<const TensorDict> samples, bool shifted_by_model) {
  constexpr int64_t kEvidence = 16;
  int64_t all = 0, copies = 0, with_next = 0, next = 0;
  for (const TensorDict& sample : samples) {
    const at::Tensor tokens = sample.at("input_ids").to(at::kLong).contiguous();
    const at::Tensor labels = sample.at("labels").contiguous();
    const int64_t* token = tokens.const_data_ptr<int64_t>();
    const int64_t* label = labels.const_data_ptr<int64_t>();
    const int64_t count = tokens.size(0);
    for (int64_t i = 0; i < count; ++i) {
      if (label[i] == kNoLabel) continue;
      ++all;
      copies += label[i] == token[i] ? 1 : 0;
      if (i + 1 == count) continue;
      ++with_next;
      next += label[i] == token[i + 1] ? 1 : 0;
    }
  }
  if (with_next < kEvidence) return;
  TORCH_CHECK_VALUE(shifted_by_model || copies != all || next == with_next,
                    "the labels are a copy of input_ids, but collate.pack.labels says NEXT_TOKEN: "
                    "with a model that shifts by itself, write labels: SAME");
  TORCH_CHECK_VALUE(!shifted_by_model || next != with_next || copies == all,
                    "the labels are the tokens after input_ids, but collate.pack.labels says SAME: "
                    "write labels: NEXT_TOKEN");
}

at::Tensor packed(absl::Span<const TensorDict> samples, const std::string& name,
                  absl::Span<const Document> documents, int64_t rows, int64_t length,
                  int64_t fill) {
  const at::Tensor& first = samples[0].at(name);
  std::vector<int64_t> sizes = first.sizes().vec();
  sizes[0] = length;
  sizes.insert(sizes.begin(), rows);
  at::Tensor result = at::full(sizes, fill, first.options());
  char* const target = static_cast<char*>(result.mutable_data_ptr());
  const size_t step = result.nbytes() / rows / length;
  at::Tensor source;
  for (const Document& document : documents) {
    if (document.first == 0) source = samples[document.sample].at(name).contiguous();
    if (step == 0) continue;
    std::memcpy(target + (document.row * length + document.column) * step,
                static_cast<const char*>(source.const_data_ptr()) + document.first * step,
                document.count * step);
  }
  return result;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PackCollate>> PackCollate::create(const Config& config) {
  if (config.length() < 2) {
    return field_error(
        "length", absl::StrCat("length is ", config.length(), "; a row needs at least two places"));
  }
  if (config.fill_token() < 0) {
    return field_error("fill_token", absl::StrCat("fill_token is ", config.fill_token(),
                                                  "; a token is 0 or above"));
  }
  return std::unique_ptr<PackCollate>(new PackCollate(config));
}

PackCollate::PackCollate(const Config& config)
    : length_(config.length()),
      split_(config.long_sequences() == Config::SPLIT),
      fill_token_(config.fill_token()),
      shifted_by_model_(config.labels() == config::SAME) {}

Batch PackCollate::operator()(absl::Span<const TensorDict> samples) const {
  if (samples.empty()) return {};
  check_same_names(samples);
  TORCH_CHECK_VALUE(samples[0].contains("input_ids"),
                    "the samples have no \"input_ids\"; packing is for tokens");
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < samples.size(); ++i) {
    check_sample(samples[i], samples[0], i);
    sizes.push_back(samples[i].at("input_ids").size(0));
  }
  if (samples[0].contains("labels")) check_labels(samples, shifted_by_model_);

  std::vector<Document> documents = documents_of(sizes, length_, split_);
  TORCH_CHECK_VALUE(!documents.empty(), "none of the ", samples.size(),
                    " samples of the batch has a token");
  const int64_t rows = place(documents, length_);

  Batch batch;
  for (const auto& [name, tensor] : samples[0]) {
    if (name == "attention_mask") continue;
    const int64_t fill = name == "input_ids" ? fill_token_ : name == "labels" ? kNoLabel : 0;
    batch.set(name, packed(samples, name, documents, rows, length_, fill));
  }
  const at::Tensor mask = at::full({rows, length_}, 0, at::kLong);
  const at::Tensor ids = at::full({rows, length_}, -1, at::kLong);
  const at::Tensor positions = at::full({rows, length_}, 0, at::kLong);
  int64_t* const label =
      batch.contains("labels") ? batch.at("labels").mutable_data_ptr<int64_t>() : nullptr;
  std::vector<int64_t> in_row(rows);
  for (const Document& document : documents) {
    const int64_t start = document.row * length_ + document.column;
    std::fill_n(mask.mutable_data_ptr<int64_t>() + start, document.count, 1);
    std::fill_n(ids.mutable_data_ptr<int64_t>() + start, document.count, in_row[document.row]++);
    int64_t* const position = positions.mutable_data_ptr<int64_t>() + start;
    std::iota(position, position + document.count, 0);
    if (label != nullptr && shifted_by_model_) label[start] = kNoLabel;
  }
  batch.set("attention_mask", mask);
  batch.set("document_ids", ids);
  batch.set("position_ids", positions);
  return batch;
}

COMPOSER_REGISTER(Collate, PackCollate);

}  // namespace composer
