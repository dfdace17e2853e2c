#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "composer/core/model.h"
#include "composer/nn/foreign_weights.h"
#include "composer/nn/layer.h"
#include "composer/nn/slot.h"
#include "models/gpt2_layers.h"

namespace composer {

/// GPT-2 (Radford et al., 2019) as Hugging Face's GPT2LMHeadModel computes it, for language
/// modelling.
///
/// Batch: `input_ids` [batch, sequence]; optionally `attention_mask` of that shape, 0 for padding;
/// `labels` of that shape for the loss, usually the input itself: each position is asked for the
/// next one's, and -100 is ignored. Outputs: `logits` [batch, sequence, vocab_size]. The loss is
/// the mean over all labels that count. Metrics: `cross_entropy`, `perplexity` and `accuracy` in
/// evaluation.
///
/// Parameters are called as there ("transformer.h.0.attn.c_attn.weight", of shape [in, out]) and
/// start as there: normal, those that end a residual branch smaller by sqrt(2 * n_layer).
/// "lm_head.weight" is "transformer.wte.weight" unless they are not tied, and need not be in a
/// file of weights. Files of a GPT2Model, such as OpenAI's, lack "transformer." before each name:
/// rename "^" to it.
class Gpt2 final : public ComposerModel, public SlotOwner, public ForeignWeights {
 public:
  /// Throws a ValueError when n_head does not divide n_embd.
  explicit Gpt2(const Gpt2Options& options = {});

  Outputs forward(const Batch& batch) override;
  Loss loss(const Outputs& outputs, const Batch& batch) override;
  /// The mean over a sequence's labels that count; 0 when none do.
  at::Tensor per_sample_loss(const Outputs& outputs, const Batch& batch) override;
  bool has_per_sample_loss() const override { return true; }
  int64_t num_loss_tokens(const Batch& batch) const override;
  MetricCollection metrics(bool is_train) const override;
  void update_metric(Metric& metric, const Outputs& outputs, const Batch& batch) override;
  /// Empty with linear biases, which Hugging Face's GPT-2 has not.
  std::string huggingface_config() const override;
  /// The masks in old files: "transformer.h.0.attn.bias" and "...attn.masked_bias".
  bool is_foreign(absl::string_view name) const override;

 private:
  void initialise();

  const Gpt2Options options_;
  std::shared_ptr<Gpt2Transformer> transformer_;
  Slot<Layer> lm_head_;
};

}  // namespace composer
