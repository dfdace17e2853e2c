#include "models/gpt2.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/init.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/nn/linear.h"
#include "composer/nn/tied_linear.h"
#include "models/activation_config.h"
#include "models/checks.h"
#include "models/token_loss.h"
#include "proto/model.pb.h"

namespace composer {
namespace {

constexpr int64_t kEndOfText = 50256;

std::shared_ptr<torch::nn::Module> output_layer(const Gpt2Options& options,
                                                const at::Tensor& word_weight) {
  if (options.tie_word_embeddings) return std::make_shared<TiedLinear>(word_weight);
  return make_layer<LinearImpl>(
      torch::nn::LinearOptions(options.n_embd, options.vocab_size).bias(false));
}

}  // namespace

Gpt2::Gpt2(const Gpt2Options& options)
    : options_(options),
      transformer_(register_module("transformer", std::make_shared<Gpt2Transformer>(options))),
      lm_head_(*this, "lm_head", output_layer(options, transformer_->word_weight())) {
  TORCH_CHECK_VALUE(options.n_head > 0 && options.n_embd % options.n_head == 0, "n_embd, ",
                    options.n_embd, ", must be a multiple of n_head, ", options.n_head);
  initialise();
}

void Gpt2::initialise() {
  const double residual =
      options_.initializer_range / std::sqrt(2 * static_cast<double>(options_.n_layer));
  for (auto& item : named_parameters()) {
    if (item.value().dim() < 2) continue;
    const bool ends_branch = absl::EndsWith(item.key(), "c_proj.weight");
    torch::nn::init::normal_(item.value(), 0, ends_branch ? residual : options_.initializer_range);
  }
}

Outputs Gpt2::forward(const Batch& batch) {
  const at::Tensor* const mask = batch.find("attention_mask");
  return {{"logits", lm_head_->forward(transformer_->forward(
                         batch.at("input_ids"), mask != nullptr ? *mask : at::Tensor()))}};
}

Loss Gpt2::loss(const Outputs& outputs, const Batch& batch) {
  return token_cross_entropy(outputs.at("logits"), next_labels(batch.at("labels")));
}

at::Tensor Gpt2::per_sample_loss(const Outputs& outputs, const Batch& batch) {
  return token_cross_entropy_per_sample(outputs.at("logits"), next_labels(batch.at("labels")));
}

int64_t Gpt2::num_loss_tokens(const Batch& batch) const {
  return count_labels(batch.at("labels").slice(1, 1));
}

MetricCollection Gpt2::metrics(bool is_train) const { return token_metrics(is_train); }

void Gpt2::update_metric(Metric& metric, const Outputs& outputs, const Batch& batch) {
  metric.update(flat_logits(outputs.at("logits")), next_labels(batch.at("labels")).flatten());
}

std::string Gpt2::huggingface_config() const {
  for (const auto& module : modules(/*include_self=*/false)) {
    const auto* const attention = dynamic_cast<const SelfAttention*>(module.get());
    if (attention != nullptr && attention->linear_biases() != nullptr) return {};
  }
  nlohmann::ordered_json json = {
      {"architectures", nlohmann::ordered_json::array({"GPT2LMHeadModel"})},
      {"model_type", "gpt2"},
      {"vocab_size", options_.vocab_size},
      {"n_positions", transformer_->max_positions()},
      {"n_embd", options_.n_embd},
      {"n_layer", options_.n_layer},
      {"n_head", options_.n_head},
      {"n_inner", nullptr},
      {"activation_function", huggingface_name(options_.activation)},
      {"resid_pdrop", options_.resid_pdrop},
      {"embd_pdrop", options_.embd_pdrop},
      {"attn_pdrop", options_.attn_pdrop},
      {"layer_norm_epsilon", options_.layer_norm_epsilon},
      {"initializer_range", options_.initializer_range},
      {"tie_word_embeddings", options_.tie_word_embeddings},
      {"bos_token_id", nullptr},
      {"eos_token_id", nullptr},
  };
  if (options_.n_inner > 0) json["n_inner"] = options_.n_inner;
  if (options_.vocab_size > kEndOfText) {
    json["bos_token_id"] = kEndOfText;
    json["eos_token_id"] = kEndOfText;
  }
  return json.dump(2) + "\n";
}

bool Gpt2::is_foreign(absl::string_view name) const {
  return absl::EndsWith(name, ".attn.bias") || absl::EndsWith(name, ".attn.masked_bias");
}

namespace {

struct ConfiguredGpt2 {
  using Config = config::Gpt2;

  static absl::StatusOr<std::shared_ptr<ComposerModel>> create(const Config& config) {
    const Gpt2Options options = {.vocab_size = config.vocab_size(),
                                 .n_positions = config.n_positions(),
                                 .n_embd = config.n_embd(),
                                 .n_layer = config.n_layer(),
                                 .n_head = config.n_head(),
                                 .n_inner = config.n_inner(),
                                 .activation = activation_of(config.activation_function()),
                                 .resid_pdrop = config.resid_pdrop(),
                                 .embd_pdrop = config.embd_pdrop(),
                                 .attn_pdrop = config.attn_pdrop(),
                                 .layer_norm_epsilon = config.layer_norm_epsilon(),
                                 .initializer_range = config.initializer_range(),
                                 .tie_word_embeddings = config.tie_word_embeddings()};
    COMPOSER_RETURN_IF_ERROR(check_positive("vocab_size", options.vocab_size));
    COMPOSER_RETURN_IF_ERROR(check_positive("n_positions", options.n_positions));
    COMPOSER_RETURN_IF_ERROR(check_positive("n_layer", options.n_layer));
    COMPOSER_RETURN_IF_ERROR(check_multiple("n_embd", options.n_embd, "n_head", options.n_head));
    return std::make_shared<Gpt2>(options);
  }
};

COMPOSER_REGISTER(ComposerModel, ConfiguredGpt2);

}  // namespace
}  // namespace composer
