#include "tests/conformance/subject.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/normalization.h>

#include <map>

#include "composer/data/loader.h"
#include "composer/data/transforms/image_transform.h"
#include "composer/nn/linear.h"
#include "tests/data/transforms/image_fixtures.h"

namespace composer::testing {

namespace {

constexpr int64_t kVocabulary = 13;

// Targets of samples are [N], or weights of each class [N, C].
Batch with_one_target(const Batch& batch) {
  const at::Tensor& target = batch.at("target");
  if (target.dim() < 2 || target.is_floating_point()) return batch;
  Batch result = batch;
  result.set("target", target.select(1, 0));
  return result;
}

}  // namespace

const Subject& subject_of(const std::string& config) {
  static const auto* const kPlain = new Subject;
  static const auto* const kSubjects = new std::map<std::string, Subject>{
      {"composer.config.Alibi",
       {.settings = {"max_sequence_length: 16",
                     "max_sequence_length: 12 train_sequence_length_scaling: 1"},
        .samples = Samples::kTokensWithTargets,
        .layers = Layers::kGpt2}},
      {"composer.config.AugMix", {.samples = Samples::kImageDataset}},
      {"composer.config.BatchRandomErasing",
       {.settings = {"p: 1", "p: 0.7 random: true"}, .samples = Samples::kImages}},
      {"composer.config.BlurPool",
       {.settings = {"min_channels: 1",
                     "min_channels: 1 blur_first: false replace_maxpools: false"},
        .samples = Samples::kImages,
        .layers = Layers::kResNet}},
      {"composer.config.ChannelsLast", {.samples = Samples::kImages, .layers = Layers::kResNet}},
      {"composer.config.ColOut",
       {.settings = {"p_row: 0.3 p_col: 0.3", "p_row: 0.3 p_col: 0.3 batch: false"},
        .samples = Samples::kImageDataset}},
      {"composer.config.CutMix",
       {.settings = {"", "interpolate_loss: true", "uniform_sampling: true"},
        .samples = Samples::kImages}},
      {"composer.config.CutOut",
       {.settings = {"", "num_holes: 2 length: 0.3 uniform_sampling: true"},
        .samples = Samples::kImages}},
      {"composer.config.Ema", {.settings = {"smoothing: 0.5", "half_life: '2ba'"}}},
      {"composer.config.EmaDistillation",
       {.settings = {"weight: 10 ramp_up: 0", "weight: 10 consistency: KL smoothing: 0.9"}}},
      {"composer.config.Factorize",
       {.settings = {"min_channels: 4 latent_channels: 2 min_features: 4"},
        .samples = Samples::kImages,
        .layers = Layers::kResNet}},
      {"composer.config.GatedLinearUnits",
       {.settings = {"", "act_fn: RELU gated_layer_bias: true non_gated_layer_bias: true"},
        .samples = Samples::kTokens,
        .layers = Layers::kBert}},
      {"composer.config.GhostBatchNorm",
       {.settings = {"ghost_batch_size: 1"},
        .samples = Samples::kImages,
        .layers = Layers::kResNet}},
      {"composer.config.GradientClipping",
       {.settings = {"clipping_type: NORM clipping_threshold: 0.01",
                     "clipping_type: VALUE clipping_threshold: 0.01",
                     "clipping_type: ADAPTIVE clipping_threshold: 0.01"}}},
      {"composer.config.GyroDropout", {.settings = {"sigma: 4 tau: 1"}, .layers = Layers::kNorms}},
      {"composer.config.LayerFreezing",
       {.settings = {"freeze_start: 0"}, .layers = Layers::kLinears}},
      {"composer.config.Lookahead", {.settings = {"k: 1"}}},
      {"composer.config.LowPrecisionGroupNorm",
       {.settings = {"", "apply_at: BEFORE_LOAD"},
        .layers = Layers::kNorms,
        .precision = Precision::kAmpBf16}},
      {"composer.config.LowPrecisionLayerNorm",
       {.settings = {"", "apply_at: AFTER_LOAD"},
        .layers = Layers::kNorms,
        .precision = Precision::kAmpBf16}},
      {"composer.config.MixUp", {.settings = {"alpha: 1", "alpha: 1 interpolate_loss: true"}}},
      {"composer.config.ProgressiveResizing",
       {.settings = {"initial_scale: 0.75 size_increment: 2", "mode: CROP size_increment: 1"},
        .samples = Samples::kImages}},
      {"composer.config.RandAugment", {.samples = Samples::kImageDataset}},
      {"composer.config.SelectiveBackprop", {.settings = {"start: 0 end: 1 interrupt: 0"}}},
      {"composer.config.SeqLengthWarmup",
       {.settings = {"duration: 1 min_seq_length: 4 max_seq_length: 12 step_size: 4",
                     "duration: 1 min_seq_length: 4 max_seq_length: 12 step_size: 4 "
                     "preserve_end_of_sequence: true"},
        .samples = Samples::kTokens}},
      {"composer.config.SqueezeExcite",
       {.settings = {"latent_channels: 2 min_channels: 4"},
        .samples = Samples::kImages,
        .layers = Layers::kResNet}},
      {"composer.config.StochasticDepth",
       {.settings = {"drop_rate: 0.9", "drop_rate: 0.9 drop_warmup: 0.1",
                     "drop_rate: 0.6 stochastic_method: SAMPLE drop_distribution: UNIFORM"},
        .samples = Samples::kImages,
        .layers = Layers::kResNet}},
      {"composer.config.Swa",
       {.settings = {"swa_start: '0dur' swa_end: '1dur' update_interval: '1ba'",
                     "swa_start: '0dur' swa_end: '1dur' update_interval: '1ba' "
                     "schedule_swa_lr: true swa_lr: 0.01"}}},
      {"composer.config.WeightStandardization",
       {.samples = Samples::kImages, .layers = Layers::kResNet}},
  };
  const auto position = kSubjects->find(config);
  return position == kSubjects->end() ? *kPlain : position->second;
}

SubjectModel::SubjectModel(const Subject& subject, double dropout) : dropout_(dropout) {
  if (subject.layers == Layers::kLinears) {
    first_ = register_module("first", std::make_shared<LinearImpl>(4, 4));
    second_ = register_module("second", std::make_shared<LinearImpl>(4, 4));
  } else if (subject.layers == Layers::kNorms) {
    norms_ = register_module("norms", std::make_shared<LayerSequence>());
    norms_->push_back(make_layer<torch::nn::LayerNormImpl>(torch::nn::LayerNormOptions({4})));
    norms_->push_back(make_layer<torch::nn::GroupNormImpl>(torch::nn::GroupNormOptions(1, 4)));
    norms_->push_back(make_layer<LinearImpl>(4, 4));
    norms_->push_back(make_layer<torch::nn::DropoutImpl>(0.5));
  } else if (subject.layers == Layers::kResNet) {
    net_ =
        register_module("net", std::make_shared<ResNet>(ResNetOptions{
                                   .blocks = {1}, .in_channels = 1, .width = 4, .num_classes = 4}));
  } else if (subject.layers == Layers::kGpt2) {
    gpt2_ = register_module(
        "gpt2",
        std::make_shared<Gpt2Transformer>(Gpt2Options{
            .vocab_size = kVocabulary, .n_positions = 12, .n_embd = 4, .n_layer = 1, .n_head = 2}));
  } else if (subject.layers == Layers::kBert) {
    bert_ = register_module("bert",
                            std::make_shared<BertModel>(BertOptions{.vocab_size = kVocabulary,
                                                                    .hidden_size = 4,
                                                                    .num_hidden_layers = 1,
                                                                    .num_attention_heads = 2,
                                                                    .intermediate_size = 6,
                                                                    .max_position_embeddings = 12},
                                                        /*with_pooler=*/false));
  }
}

Outputs SubjectModel::forward(const Batch& batch) {
  return TinyModel::forward({{"input", at::dropout(features(batch), dropout_, is_training())}});
}

Loss SubjectModel::loss(const Outputs& outputs, const Batch& batch) {
  return TinyModel::loss(outputs, with_one_target(batch));
}

at::Tensor SubjectModel::per_sample_loss(const Outputs& outputs, const Batch& batch) {
  return TinyModel::per_sample_loss(outputs, with_one_target(batch));
}

void SubjectModel::update_metric(Metric& metric, const Outputs& outputs, const Batch& batch) {
  TinyModel::update_metric(metric, outputs, with_one_target(batch));
}

at::Tensor SubjectModel::features(const Batch& batch) {
  const at::Tensor& input = batch.at(batch.input_name());
  if (gpt2_ || bert_) {
    const at::Tensor tokens = input.remainder(kVocabulary);
    const at::Tensor& mask = batch.at("attention_mask");
    const at::Tensor hidden =
        gpt2_ ? gpt2_->forward(tokens, mask)
              : bert_->forward({{"input_ids", tokens}, {"attention_mask", mask}});
    return hidden.mean(1);
  }
  if (net_) return net_->logits(input);
  at::Tensor features = input;
  if (batch.contains("input_ids")) {
    features = at::adaptive_avg_pool1d(input.to(weight.scalar_type()).unsqueeze(1), {4}).squeeze(1);
  } else if (input.dim() == 4) {
    features = at::adaptive_avg_pool2d(input, {2, 2}).flatten(1);
  }
  if (norms_) return norms_->forward(features);
  if (!first_) return features;
  return second_->as<LinearImpl>()->forward(first_->as<LinearImpl>()->forward(features));
}

SampleLoader::SampleLoader(Samples samples, int64_t count, int64_t batch_size, uint64_t seed)
    : samples_(samples), loader_(count, batch_size, seed) {
  if (samples != Samples::kImageDataset) return;
  auto loader = MapDataLoader::create(std::make_shared<RandomImages>(RandomImages::Options{
                                          .count = count, .channels = 1, .height = 8, .width = 8}),
                                      {.batch_size = batch_size});
  TORCH_CHECK(loader.ok(), loader.status().message());
  images_ = *std::move(loader);
}

void SampleLoader::seek(int64_t epoch, int64_t batch) {
  loader_.seek(epoch, batch);
  if (images_) images_->seek(epoch, batch);
}

absl::Status SampleLoader::add_transform(std::shared_ptr<const ByteTransform> transform) {
  return composer::add_transform(images_ ? *images_ : loader_, std::move(transform));
}

std::optional<Batch> SampleLoader::next() {
  std::optional<Batch> batch = loader_.next();
  if (batch && images_) batch->set("input", images_->next()->at("input"));
  if (!batch || images_ || samples_ == Samples::kFeatures) return batch;
  const at::Tensor features = batch->at("input");
  if (samples_ == Samples::kImages) {
    const at::Tensor rows = features.repeat({1, 2}), columns = features.flip(1).repeat({1, 2});
    batch->set("input", (rows.unsqueeze(2) * columns.unsqueeze(1)).unsqueeze(1));
  } else {
    batch->erase("input");
    batch->set("input_ids", (features.repeat({1, 3}) * 10).to(at::kLong));
    batch->set("attention_mask", at::ones({features.size(0), 12}, at::kLong));
    if (samples_ == Samples::kTokensWithTargets) {
      batch->set("target", batch->at("target").unsqueeze(1).repeat({1, 12}));
    }
  }
  return batch;
}

}  // namespace composer::testing
