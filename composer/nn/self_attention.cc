#include "composer/nn/self_attention.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/dropout.h>

#include <cmath>
#include <optional>
#include <utility>

namespace composer {
namespace {

at::Tensor causal_mask(int64_t length, at::Device device) {
  return at::ones({length, length}, at::TensorOptions(at::kBool).device(device)).tril_();
}

// `mask`: bool, or what is added to the scores; undefined for none.
at::Tensor unfused(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                   const at::Tensor& mask, Layer& dropout) {
  const double scale = 1 / std::sqrt(static_cast<double>(query.size(-1)));
  at::Tensor scores = (query * scale).matmul(key.transpose(-2, -1));
  if (mask.defined()) {
    scores = mask.scalar_type() == at::kBool
                 ? scores.masked_fill(mask.logical_not(), lowest_score(scores.scalar_type()))
                 : scores + mask;
  }
  return dropout.forward(scores.softmax(-1)).matmul(value);
}

}  // namespace

at::Tensor attention_mask(const at::Tensor& tokens, bool causal) {
  if (!tokens.defined()) return {};
  TORCH_CHECK_VALUE(tokens.dim() == 2, "an attention mask is [batch, sequence], not ",
                    tokens.sizes());
  const at::Tensor mask = tokens.ne(0).unsqueeze(1).unsqueeze(1);
  return causal ? mask.logical_and(causal_mask(tokens.size(1), tokens.device())) : mask;
}

SelfAttention::SelfAttention(const SelfAttentionOptions& options)
    : num_heads_(options.num_heads),
      causal_(options.causal),
      dropout_(*this, options.dropout_name, make_layer<torch::nn::DropoutImpl>(options.dropout)) {}

void SelfAttention::set_linear_biases(std::shared_ptr<LinearBiases> biases) {
  TORCH_CHECK_VALUE(biases == nullptr || biases->slopes().size(0) == num_heads_, "attention with ",
                    num_heads_, " heads needs as many slopes, not ", biases->slopes().size(0));
  biases_ = std::move(biases);
}

at::Tensor SelfAttention::attend(const at::Tensor& query, const at::Tensor& key,
                                 const at::Tensor& value, const at::Tensor& mask) {
  const int64_t batch = query.size(0), sequence = query.size(1), width = query.size(2);
  const auto heads = [&](const at::Tensor& states) {
    return states.view({batch, sequence, num_heads_, width / num_heads_}).transpose(1, 2);
  };
  const at::Tensor q = heads(query), k = heads(key), v = heads(value);
  at::Tensor scores_mask = mask;
  if (biases_ != nullptr) {
    scores_mask = biases_->of(q, causal_);
    if (mask.defined()) {
      scores_mask = scores_mask.masked_fill(mask.logical_not(), lowest_score(q.scalar_type()));
    }
  }
  const bool causal = causal_ && !scores_mask.defined();
  at::Tensor gathered;
  const auto* const plain = dynamic_cast<const torch::nn::DropoutImpl*>(dropout_.module().get());
  if (plain != nullptr) {
    const double dropout = plain->is_training() ? plain->options.p() : 0;
    const auto given = scores_mask.defined() ? std::make_optional(scores_mask) : std::nullopt;
    gathered = at::scaled_dot_product_attention(q, k, v, given, dropout, causal);
  } else {
    if (causal) scores_mask = causal_mask(sequence, q.device());
    gathered = unfused(q, k, v, scores_mask, *dropout_.operator->());
  }
  return gathered.transpose(1, 2).reshape({batch, sequence, width});
}

}  // namespace composer
