#include "models/bert_layers.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/normalization.h>

#include <memory>

#include "composer/nn/linear.h"

namespace composer {
namespace {

std::shared_ptr<LayerOf<torch::nn::EmbeddingImpl>> embedding(int64_t count, int64_t width) {
  return make_layer<torch::nn::EmbeddingImpl>(count, width);
}

std::shared_ptr<LayerOf<torch::nn::DropoutImpl>> make_dropout(const BertOptions& options) {
  return make_layer<torch::nn::DropoutImpl>(options.hidden_dropout_prob);
}

std::shared_ptr<LayerOf<LinearImpl>> projection(const BertOptions& options) {
  return make_layer<LinearImpl>(options.hidden_size, options.hidden_size);
}

}  // namespace

std::shared_ptr<torch::nn::Module> bert_norm(const BertOptions& options) {
  return make_layer<torch::nn::LayerNormImpl>(
      torch::nn::LayerNormOptions({options.hidden_size}).eps(options.layer_norm_eps));
}

BertEmbeddings::BertEmbeddings(const BertOptions& options)
    : LearntPositions(options.max_position_embeddings),
      word_embeddings_(*this, "word_embeddings",
                       make_layer<torch::nn::EmbeddingImpl>(
                           torch::nn::EmbeddingOptions(options.vocab_size, options.hidden_size)
                               .padding_idx(options.pad_token_id))),
      position_embeddings_(*this, "position_embeddings",
                           embedding(options.max_position_embeddings, options.hidden_size)),
      token_type_embeddings_(*this, "token_type_embeddings",
                             embedding(options.type_vocab_size, options.hidden_size)),
      norm_(*this, "LayerNorm", bert_norm(options)),
      dropout_(*this, "dropout", make_dropout(options)),
      word_weight_(word_embeddings_.module()->as<LayerOf<torch::nn::EmbeddingImpl>>()->weight) {}

at::Tensor BertEmbeddings::forward(const at::Tensor& tokens, const at::Tensor& types) {
  const at::Tensor positions = positions_of(tokens);
  const at::Tensor all_zero = types.defined() ? types : at::zeros({1, 1}, tokens.options());
  const at::Tensor embedded = word_embeddings_->forward(tokens) +
                              token_type_embeddings_->forward(all_zero) +
                              position_embeddings_->forward(positions);
  return dropout_->forward(norm_->forward(embedded));
}

BertSelfAttention::BertSelfAttention(const BertOptions& options)
    : SelfAttention({.num_heads = options.num_attention_heads,
                     .dropout = options.attention_probs_dropout_prob}),
      query_(*this, "query", projection(options)),
      key_(*this, "key", projection(options)),
      value_(*this, "value", projection(options)) {}

at::Tensor BertSelfAttention::forward(const at::Tensor& input, const at::Tensor& mask) {
  return attend(query_->forward(input), key_->forward(input), value_->forward(input), mask);
}

BertOutput::BertOutput(const BertOptions& options, int64_t input_size)
    : dense_(*this, "dense", make_layer<LinearImpl>(input_size, options.hidden_size)),
      norm_(*this, "LayerNorm", bert_norm(options)),
      dropout_(*this, "dropout", make_dropout(options)) {}

at::Tensor BertOutput::forward(const at::Tensor& hidden, const at::Tensor& residual) {
  return norm_->forward(dropout_->forward(dense_->forward(hidden)) + residual);
}

BertAttention::BertAttention(const BertOptions& options)
    : self_(*this, "self", std::make_shared<BertSelfAttention>(options)),
      output_(*this, "output", std::make_shared<BertOutput>(options, options.hidden_size)) {}

at::Tensor BertAttention::forward(const at::Tensor& input, const at::Tensor& mask) {
  return output_->forward(self_->forward(input, mask), input);
}

BertIntermediate::BertIntermediate(const BertOptions& options)
    : dense_(*this, "dense",
             make_layer<LinearImpl>(options.hidden_size, options.intermediate_size)),
      activation_(*this, "intermediate_act_fn", make_activation(options.hidden_act)) {}

at::Tensor BertIntermediate::forward(const at::Tensor& input) {
  return activation_->forward(dense_->forward(input));
}

BertLayer::BertLayer(const BertOptions& options)
    : attention_(*this, "attention", std::make_shared<BertAttention>(options)),
      intermediate_(*this, "intermediate", std::make_shared<BertIntermediate>(options)),
      output_(*this, "output", std::make_shared<BertOutput>(options, options.intermediate_size)) {}

at::Tensor BertLayer::forward(const at::Tensor& input, const at::Tensor& mask) {
  const at::Tensor attended = attention_->forward(input, mask);
  return output_->forward(intermediate_->forward(attended), attended);
}

}  // namespace composer
