#include "models/bert.h"

#include <ATen/ATen.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/dropout.h>

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
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

std::shared_ptr<LayerOf<LinearImpl>> square(const BertOptions& options) {
  return make_layer<LinearImpl>(options.hidden_size, options.hidden_size);
}

class Pooler final : public torch::nn::Module, public SlotOwner, public Layer {
 public:
  explicit Pooler(const BertOptions& options)
      : dense_(*this, "dense", square(options)),
        activation_(*this, "activation", make_layer<torch::nn::TanhImpl>()) {}

  at::Tensor forward(const at::Tensor& first) override {
    return activation_->forward(dense_->forward(first));
  }

 private:
  Slot<Layer> dense_;
  Slot<Layer> activation_;
};

class Transform final : public torch::nn::Module, public SlotOwner, public Layer {
 public:
  explicit Transform(const BertOptions& options)
      : dense_(*this, "dense", square(options)),
        activation_(*this, "transform_act_fn", make_activation(options.hidden_act)),
        norm_(*this, "LayerNorm", bert_norm(options)) {}

  at::Tensor forward(const at::Tensor& input) override {
    return norm_->forward(activation_->forward(dense_->forward(input)));
  }

 private:
  Slot<Layer> dense_;
  Slot<Layer> activation_;
  Slot<Layer> norm_;
};

class Predictions final : public torch::nn::Module, public SlotOwner, public Layer {
 public:
  Predictions(const BertOptions& options, const at::Tensor& word_weight)
      : bias_(register_parameter("bias", at::zeros({options.vocab_size}))),
        transform_(*this, "transform", std::make_shared<Transform>(options)),
        decoder_(
            *this, "decoder",
            std::make_shared<TiedLinear>(
                options.tie_word_embeddings ? word_weight : at::empty_like(word_weight), bias_)) {}

  at::Tensor forward(const at::Tensor& input) override {
    return decoder_->forward(transform_->forward(input));
  }

 private:
  const at::Tensor bias_;
  Slot<Layer> transform_;
  Slot<Layer> decoder_;
};

void initialise(torch::nn::Module& model, const BertModel& bert, const BertOptions& options) {
  for (auto& item : model.named_parameters()) {
    if (item.value().dim() >= 2) {
      torch::nn::init::normal_(item.value(), 0, options.initializer_range);
    } else if (absl::EndsWith(item.key(), "bias")) {
      torch::nn::init::zeros_(item.value());
    }
  }
  torch::nn::init::zeros_(bert.embeddings().word_weight()[options.pad_token_id]);
}

bool is_old_buffer(absl::string_view name) { return name == "bert.embeddings.position_ids"; }

template <typename Type>
bool holds(const SlotBase& slot) {
  return dynamic_cast<const Type*>(slot.module().get()) != nullptr;
}

// Whether its layers compute what Hugging Face's do, as far as weights by name can tell.
bool is_huggingfaces(const torch::nn::Module& model) {
  for (const auto& module : model.modules(/*include_self=*/false)) {
    const auto* const attention = dynamic_cast<const SelfAttention*>(module.get());
    if (attention != nullptr && attention->linear_biases() != nullptr) return false;
    auto* const layer = dynamic_cast<BertLayer*>(module.get());
    if (layer != nullptr &&
        !(holds<BertIntermediate>(layer->intermediate()) && holds<BertOutput>(layer->output()))) {
      return false;
    }
  }
  return true;
}

nlohmann::ordered_json huggingface_json(const torch::nn::Module& model, const BertModel& bert,
                                        const BertOptions& options, const char* architecture) {
  if (!is_huggingfaces(model)) return nullptr;
  nlohmann::ordered_json json = {
      {"architectures", nlohmann::ordered_json::array({architecture})},
      {"model_type", "bert"},
      {"vocab_size", options.vocab_size},
      {"hidden_size", options.hidden_size},
      {"num_hidden_layers", options.num_hidden_layers},
      {"num_attention_heads", options.num_attention_heads},
      {"intermediate_size", options.intermediate_size},
      {"hidden_act", huggingface_name(options.hidden_act)},
      {"hidden_dropout_prob", options.hidden_dropout_prob},
      {"attention_probs_dropout_prob", options.attention_probs_dropout_prob},
      {"classifier_dropout", nullptr},
      {"max_position_embeddings", bert.embeddings().max_positions()},
      {"type_vocab_size", options.type_vocab_size},
      {"initializer_range", options.initializer_range},
      {"layer_norm_eps", options.layer_norm_eps},
      {"pad_token_id", options.pad_token_id},
      {"tie_word_embeddings", options.tie_word_embeddings},
  };
  if (options.classifier_dropout >= 0) json["classifier_dropout"] = options.classifier_dropout;
  return json;
}

}  // namespace

BertModel::BertModel(const BertOptions& options, bool with_pooler)
    : embeddings_(register_module("embeddings", std::make_shared<BertEmbeddings>(options))),
      layers_(register_module("encoder", std::make_shared<torch::nn::Module>())
                  ->register_module("layer", std::make_shared<MaskedLayerSequence>())) {
  TORCH_CHECK_VALUE(
      options.num_attention_heads > 0 && options.hidden_size % options.num_attention_heads == 0,
      "hidden_size, ", options.hidden_size, ", must be a multiple of num_attention_heads, ",
      options.num_attention_heads);
  for (int64_t i = 0; i < options.num_hidden_layers; ++i) {
    layers_->push_back(std::make_shared<BertLayer>(options));
  }
  if (with_pooler) {
    pooler_ = std::make_unique<Slot<Layer>>(*this, "pooler", std::make_shared<Pooler>(options));
  }
}

at::Tensor BertModel::forward(const Batch& batch) {
  const auto optional = [&](absl::string_view name) {
    const at::Tensor* const found = batch.find(name);
    return found != nullptr ? *found : at::Tensor();
  };
  return layers_->forward(embeddings_->forward(batch.at("input_ids"), optional("token_type_ids")),
                          attention_mask(optional("attention_mask"), /*causal=*/false));
}

at::Tensor BertModel::pooled(const at::Tensor& hidden) {
  return (*pooler_)->forward(hidden.select(1, 0));
}

BertForMaskedLm::BertForMaskedLm(const BertOptions& options)
    : options_(options),
      bert_(register_module("bert", std::make_shared<BertModel>(options, /*with_pooler=*/false))) {
  auto predictions = std::make_shared<Predictions>(options, bert_->embeddings().word_weight());
  register_module("cls", std::make_shared<torch::nn::Module>())
      ->register_module("predictions", predictions);
  predictions_ = std::move(predictions);
  initialise(*this, *bert_, options);
}

Outputs BertForMaskedLm::forward(const Batch& batch) {
  return {{"logits", predictions_->forward(bert_->forward(batch))}};
}

Loss BertForMaskedLm::loss(const Outputs& outputs, const Batch& batch) {
  return token_cross_entropy(outputs.at("logits"), batch.at("labels"));
}

at::Tensor BertForMaskedLm::per_sample_loss(const Outputs& outputs, const Batch& batch) {
  return token_cross_entropy_per_sample(outputs.at("logits"), batch.at("labels"));
}

MetricCollection BertForMaskedLm::metrics(bool is_train) const { return token_metrics(is_train); }

void BertForMaskedLm::update_metric(Metric& metric, const Outputs& outputs, const Batch& batch) {
  metric.update(flat_logits(outputs.at("logits")), batch.at("labels").flatten());
}

std::string BertForMaskedLm::huggingface_config() const {
  const auto json = huggingface_json(*this, *bert_, options_, "BertForMaskedLM");
  return json.is_null() ? "" : json.dump(2) + "\n";
}

bool BertForMaskedLm::is_foreign(absl::string_view name) const { return is_old_buffer(name); }

BertForSequenceClassification::BertForSequenceClassification(const BertOptions& options)
    : Classifier(options.num_labels),
      options_(options),
      bert_(register_module("bert", std::make_shared<BertModel>(options, /*with_pooler=*/true))),
      dropout_(*this, "dropout",
               make_layer<torch::nn::DropoutImpl>(options.classifier_dropout >= 0
                                                      ? options.classifier_dropout
                                                      : options.hidden_dropout_prob)),
      classifier_(*this, "classifier",
                  make_layer<LinearImpl>(options.hidden_size, options.num_labels)) {
  initialise(*this, *bert_, options);
}

at::Tensor BertForSequenceClassification::classify(const Batch& batch) {
  return classifier_->forward(dropout_->forward(bert_->pooled(bert_->forward(batch))));
}

Outputs BertForSequenceClassification::forward(const Batch& batch) {
  return {{"logits", classify(batch)}};
}

at::Tensor BertForSequenceClassification::logits(const at::Tensor& tokens) {
  return classify({{"input_ids", tokens}});
}

std::string BertForSequenceClassification::huggingface_config() const {
  auto json = huggingface_json(*this, *bert_, options_, "BertForSequenceClassification");
  if (json.is_null()) return {};
  for (int64_t i = 0; i < options_.num_labels; ++i) {
    const std::string label = "LABEL_" + std::to_string(i);
    json["id2label"][std::to_string(i)] = label;
    json["label2id"][label] = i;
  }
  return json.dump(2) + "\n";
}

bool BertForSequenceClassification::is_foreign(absl::string_view name) const {
  return is_old_buffer(name);
}

namespace {

struct ConfiguredBert {
  using Config = config::Bert;

  static absl::StatusOr<std::shared_ptr<ComposerModel>> create(const Config& config) {
    const BertOptions options = {
        .num_labels = config.num_labels(),
        .vocab_size = config.vocab_size(),
        .hidden_size = config.hidden_size(),
        .num_hidden_layers = config.num_hidden_layers(),
        .num_attention_heads = config.num_attention_heads(),
        .intermediate_size = config.intermediate_size(),
        .hidden_act = activation_of(config.hidden_act()),
        .hidden_dropout_prob = config.hidden_dropout_prob(),
        .attention_probs_dropout_prob = config.attention_probs_dropout_prob(),
        .classifier_dropout = config.has_classifier_dropout() ? config.classifier_dropout() : -1,
        .max_position_embeddings = config.max_position_embeddings(),
        .type_vocab_size = config.type_vocab_size(),
        .initializer_range = config.initializer_range(),
        .layer_norm_eps = config.layer_norm_eps(),
        .pad_token_id = config.pad_token_id(),
        .tie_word_embeddings = config.tie_word_embeddings()};
    COMPOSER_RETURN_IF_ERROR(check_positive("vocab_size", options.vocab_size));
    COMPOSER_RETURN_IF_ERROR(check_positive("num_hidden_layers", options.num_hidden_layers));
    COMPOSER_RETURN_IF_ERROR(check_positive("intermediate_size", options.intermediate_size));
    COMPOSER_RETURN_IF_ERROR(check_multiple("hidden_size", options.hidden_size,
                                            "num_attention_heads", options.num_attention_heads));
    if (options.pad_token_id >= options.vocab_size) {
      return field_error("pad_token_id",
                         absl::StrCat("must be below vocab_size, which is ", options.vocab_size,
                                      "; it is ", options.pad_token_id));
    }
    if (config.task() == config::SEQUENCE_CLASSIFICATION) {
      return std::make_shared<BertForSequenceClassification>(options);
    }
    return std::make_shared<BertForMaskedLm>(options);
  }
};

COMPOSER_REGISTER(ComposerModel, ConfiguredBert);

}  // namespace
}  // namespace composer
