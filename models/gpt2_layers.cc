#include "models/gpt2_layers.h"

#include <ATen/TensorOperators.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/normalization.h>

#include <memory>
#include <vector>

#include "composer/nn/conv1d.h"

namespace composer {
namespace {

auto norm(const Gpt2Options& options) {
  return make_layer<torch::nn::LayerNormImpl>(
      torch::nn::LayerNormOptions({options.n_embd}).eps(options.layer_norm_epsilon));
}

int64_t inner_size(const Gpt2Options& options) {
  return options.n_inner > 0 ? options.n_inner : 4 * options.n_embd;
}

}  // namespace

Gpt2Attention::Gpt2Attention(const Gpt2Options& options)
    : SelfAttention({.num_heads = options.n_head,
                     .causal = true,
                     .dropout = options.attn_pdrop,
                     .dropout_name = "attn_dropout"}),
      c_attn_(*this, "c_attn", std::make_shared<Conv1d>(options.n_embd, 3 * options.n_embd)),
      c_proj_(*this, "c_proj", std::make_shared<Conv1d>(options.n_embd, options.n_embd)),
      resid_dropout_(*this, "resid_dropout",
                     make_layer<torch::nn::DropoutImpl>(options.resid_pdrop)) {}

at::Tensor Gpt2Attention::forward(const at::Tensor& input, const at::Tensor& mask) {
  const std::vector<at::Tensor> parts = c_attn_->forward(input).split(input.size(2), 2);
  return resid_dropout_->forward(c_proj_->forward(attend(parts[0], parts[1], parts[2], mask)));
}

Gpt2FeedForward::Gpt2FeedForward(const Gpt2Options& options)
    : c_fc_(*this, "c_fc", std::make_shared<Conv1d>(options.n_embd, inner_size(options))),
      act_(*this, "act", make_activation(options.activation)),
      c_proj_(*this, "c_proj", std::make_shared<Conv1d>(inner_size(options), options.n_embd)),
      dropout_(*this, "dropout", make_layer<torch::nn::DropoutImpl>(options.resid_pdrop)) {}

at::Tensor Gpt2FeedForward::forward(const at::Tensor& input) {
  return dropout_->forward(c_proj_->forward(act_->forward(c_fc_->forward(input))));
}

Gpt2Block::Gpt2Block(const Gpt2Options& options)
    : ln_1_(*this, "ln_1", norm(options)),
      attn_(*this, "attn", std::make_shared<Gpt2Attention>(options)),
      ln_2_(*this, "ln_2", norm(options)),
      mlp_(*this, "mlp", std::make_shared<Gpt2FeedForward>(options)) {}

at::Tensor Gpt2Block::forward(const at::Tensor& input, const at::Tensor& mask) {
  const at::Tensor attended = input + attn_->forward(ln_1_->forward(input), mask);
  return attended + mlp_->forward(ln_2_->forward(attended));
}

Gpt2Transformer::Gpt2Transformer(const Gpt2Options& options)
    : LearntPositions(options.n_positions),
      wte_(*this, "wte", make_layer<torch::nn::EmbeddingImpl>(options.vocab_size, options.n_embd)),
      wpe_(*this, "wpe", make_layer<torch::nn::EmbeddingImpl>(options.n_positions, options.n_embd)),
      drop_(*this, "drop", make_layer<torch::nn::DropoutImpl>(options.embd_pdrop)),
      h_(register_module("h", std::make_shared<MaskedLayerSequence>())),
      ln_f_(*this, "ln_f", norm(options)),
      word_weight_(wte_.module()->as<LayerOf<torch::nn::EmbeddingImpl>>()->weight) {
  for (int64_t i = 0; i < options.n_layer; ++i) h_->push_back(std::make_shared<Gpt2Block>(options));
}

at::Tensor Gpt2Transformer::forward(const at::Tensor& tokens, const at::Tensor& tokens_mask) {
  const at::Tensor positions = positions_of(tokens);
  const at::Tensor embedded = wte_->forward(tokens) + wpe_->forward(positions);
  const at::Tensor mask = attention_mask(tokens_mask, /*causal=*/true);
  return ln_f_->forward(h_->forward(drop_->forward(embedded), mask));
}

}  // namespace composer
