#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "composer/core/model.h"
#include "composer/nn/foreign_weights.h"
#include "composer/nn/layer.h"
#include "composer/nn/masked_layer.h"
#include "composer/nn/slot.h"
#include "models/bert_layers.h"
#include "models/classifier.h"

namespace composer {

/// "bert" of the models below: the encoder (Devlin et al., 2018, arXiv:1810.04805).
class BertModel final : public torch::nn::Module, public SlotOwner {
 public:
  /// `with_pooler`: whether `pooled` is called. Throws a ValueError when num_attention_heads does
  /// not divide hidden_size.
  BertModel(const BertOptions& options, bool with_pooler);

  /// Hidden states [batch, sequence, hidden_size] of a batch's `input_ids`, `attention_mask` and
  /// `token_type_ids`, of which the latter two may be missing.
  at::Tensor forward(const Batch& batch);

  /// What the first token's hidden state says of the sequence, [batch, hidden_size].
  at::Tensor pooled(const at::Tensor& hidden);

  const BertEmbeddings& embeddings() const { return *embeddings_; }

 private:
  std::shared_ptr<BertEmbeddings> embeddings_;
  std::shared_ptr<MaskedLayerSequence> layers_;
  std::unique_ptr<Slot<Layer>> pooler_;
};

/// BERT that fills in masked tokens, as Hugging Face's BertForMaskedLM.
///
/// Batch: `input_ids` [batch, sequence]; optionally `attention_mask`, 0 for padding, and
/// `token_type_ids`, both of that shape; `labels` of that shape, -100 where a token is not asked
/// for. Outputs: `logits` [batch, sequence, vocab_size]. The loss is the mean over the labels that
/// count. Metrics: `cross_entropy`, `perplexity` and `accuracy` in evaluation.
///
/// Parameters are called as there ("bert.encoder.layer.0.attention.self.query.weight",
/// "cls.predictions.decoder.weight") and start as there. The decoder's weights are those of the
/// word embedding unless they are not tied, and its bias is "cls.predictions.bias"; a file of
/// weights needs either name.
class BertForMaskedLm final : public ComposerModel, public SlotOwner, public ForeignWeights {
 public:
  explicit BertForMaskedLm(const BertOptions& options = {});

  Outputs forward(const Batch& batch) override;
  Loss loss(const Outputs& outputs, const Batch& batch) override;
  /// The mean over a sequence's labels that count; 0 when none do.
  at::Tensor per_sample_loss(const Outputs& outputs, const Batch& batch) override;
  bool has_per_sample_loss() const override { return true; }
  MetricCollection metrics(bool is_train) const override;
  void update_metric(Metric& metric, const Outputs& outputs, const Batch& batch) override;
  /// Empty with linear biases or another feed-forward part, which Hugging Face's BERT has not.
  std::string huggingface_config() const override;
  /// "bert.embeddings.position_ids", which old files have.
  bool is_foreign(absl::string_view name) const override;

 private:
  const BertOptions options_;
  std::shared_ptr<BertModel> bert_;
  std::shared_ptr<Layer> predictions_;
};

/// BERT that classifies sequences, as Hugging Face's BertForSequenceClassification.
///
/// Batch: as above, but `labels` [batch], class indices, or probabilities [batch, num_labels].
/// Outputs, loss and metrics are a Classifier's. Parameters: "bert.pooler.dense.weight",
/// "classifier.weight", ...
class BertForSequenceClassification final : public Classifier,
                                            public SlotOwner,
                                            public ForeignWeights {
 public:
  explicit BertForSequenceClassification(const BertOptions& options = {});

  Outputs forward(const Batch& batch) override;
  /// Logits [batch, num_labels] of tokens [batch, sequence] without padding.
  at::Tensor logits(const at::Tensor& tokens) override;
  /// Empty with linear biases or another feed-forward part, which Hugging Face's BERT has not.
  std::string huggingface_config() const override;
  /// "bert.embeddings.position_ids", which old files have.
  bool is_foreign(absl::string_view name) const override;

 private:
  at::Tensor classify(const Batch& batch);

  const BertOptions options_;
  std::shared_ptr<BertModel> bert_;
  Slot<Layer> dropout_;
  Slot<Layer> classifier_;
};

}  // namespace composer
