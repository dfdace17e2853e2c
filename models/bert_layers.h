#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "composer/nn/layer.h"
#include "composer/nn/learnt_positions.h"
#include "composer/nn/masked_layer.h"
#include "composer/nn/self_attention.h"
#include "composer/nn/slot.h"
#include "models/activation.h"

namespace composer {

/// Hugging Face's BertConfig, with its defaults.
struct BertOptions {
  /// Classes of a sequence classifier.
  int64_t num_labels = 2;
  int64_t vocab_size = 30522;
  int64_t hidden_size = 768;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 12;
  /// Width of the feed-forward part.
  int64_t intermediate_size = 3072;
  Activation hidden_act = Activation::kGelu;
  /// Dropout of the embeddings and of what each layer adds, and of attention's probabilities.
  double hidden_dropout_prob = 0.1;
  double attention_probs_dropout_prob = 0.1;
  /// Dropout before the classifier; below 0 for `hidden_dropout_prob`.
  double classifier_dropout = -1;
  /// Of the longest sequence.
  int64_t max_position_embeddings = 512;
  /// How many values `token_type_ids` have.
  int64_t type_vocab_size = 2;
  /// Standard deviation of weights in the beginning.
  double initializer_range = 0.02;
  double layer_norm_eps = 1e-12;
  /// The token whose embedding begins as 0 and is not learnt from the input.
  int64_t pad_token_id = 0;
  /// The masked language model's output layer has the weights of the word embedding.
  bool tie_word_embeddings = true;
};

/// The layer norm of a BERT.
std::shared_ptr<torch::nn::Module> bert_norm(const BertOptions& options);

/// What a Slot calls that brings hidden states back to the width of a residual and adds it.
class ResidualLayer {
 public:
  virtual ~ResidualLayer() = default;
  virtual at::Tensor forward(const at::Tensor& hidden, const at::Tensor& residual) = 0;
};

/// "embeddings": the sum of those of word, position and token type, normalised.
class BertEmbeddings final : public torch::nn::Module, public SlotOwner, public LearntPositions {
 public:
  explicit BertEmbeddings(const BertOptions& options);

  /// [batch, sequence, hidden_size] of tokens [batch, sequence]. `types` is of the tokens' shape;
  /// undefined: all 0.
  at::Tensor forward(const at::Tensor& tokens, const at::Tensor& types);

  /// Of the word embedding, [vocab_size, hidden_size].
  const at::Tensor& word_weight() const { return word_weight_; }

  Slot<Layer>& position_embedding() override { return position_embeddings_; }

 private:
  Slot<Layer> word_embeddings_;
  Slot<Layer> position_embeddings_;
  Slot<Layer> token_type_embeddings_;
  Slot<Layer> norm_;
  Slot<Layer> dropout_;
  const at::Tensor word_weight_;
};

/// "attention.self": a projection each for queries, keys and values.
class BertSelfAttention final : public SelfAttention {
 public:
  explicit BertSelfAttention(const BertOptions& options);

  at::Tensor forward(const at::Tensor& input, const at::Tensor& mask) override;

 private:
  Slot<Layer> query_;
  Slot<Layer> key_;
  Slot<Layer> value_;
};

/// "attention.output" and "output" of a layer: LayerNorm(dropout(dense(hidden)) + residual).
class BertOutput final : public torch::nn::Module, public SlotOwner, public ResidualLayer {
 public:
  /// `input_size`: the width of what comes in.
  BertOutput(const BertOptions& options, int64_t input_size);

  at::Tensor forward(const at::Tensor& hidden, const at::Tensor& residual) override;

  Slot<Layer>& dense() { return dense_; }
  Slot<Layer>& norm() { return norm_; }
  Slot<Layer>& dropout() { return dropout_; }

 private:
  Slot<Layer> dense_;
  Slot<Layer> norm_;
  Slot<Layer> dropout_;
};

/// "attention": `self` and `output`.
class BertAttention final : public torch::nn::Module, public SlotOwner, public MaskedLayer {
 public:
  explicit BertAttention(const BertOptions& options);

  at::Tensor forward(const at::Tensor& input, const at::Tensor& mask) override;

 private:
  Slot<MaskedLayer> self_;
  Slot<ResidualLayer> output_;
};

/// "intermediate": the wide layer and its activation.
class BertIntermediate final : public torch::nn::Module, public SlotOwner, public Layer {
 public:
  explicit BertIntermediate(const BertOptions& options);

  at::Tensor forward(const at::Tensor& input) override;

  Slot<Layer>& dense() { return dense_; }
  Slot<Layer>& activation() { return activation_; }

 private:
  Slot<Layer> dense_;
  Slot<Layer> activation_;
};

/// A layer of the encoder. Its feed-forward part is two children, called as
/// output(intermediate(x), x), with x what comes of attention.
class BertLayer final : public torch::nn::Module, public SlotOwner, public MaskedLayer {
 public:
  explicit BertLayer(const BertOptions& options);

  at::Tensor forward(const at::Tensor& input, const at::Tensor& mask) override;

  /// A BertIntermediate, unless it was replaced.
  Slot<Layer>& intermediate() { return intermediate_; }
  /// A BertOutput, unless it was replaced.
  Slot<ResidualLayer>& output() { return output_; }

 private:
  Slot<MaskedLayer> attention_;
  Slot<Layer> intermediate_;
  Slot<ResidualLayer> output_;
};

}  // namespace composer
