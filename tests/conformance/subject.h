#pragma once

#include <memory>
#include <string>
#include <vector>

#include "composer/core/precision.h"
#include "composer/data/image_loader.h"
#include "composer/nn/layer_sequence.h"
#include "models/bert.h"
#include "models/gpt2_layers.h"
#include "models/resnet.h"
#include "tests/testing/tiny.h"

namespace composer::testing {

/// Batches have `input` of four features; or of images (1, 8, 8); or 12 tokens as `input_ids` and
/// their `attention_mask`; or these with a `target` for each token. kImageDataset makes its images
/// of a dataset's bytes. In this order: what can act on features can act on the others.
enum class Samples { kFeatures, kImages, kImageDataset, kTokens, kTokensWithTargets };

/// What stands before the classifier of a SubjectModel; kNorms: layer norm, group norm, a linear
/// layer and dropout. Those that need a kind of samples come after those that take any.
enum class Layers { kNone, kLinears, kNorms, kResNet, kGpt2, kBert };

/// What an algorithm is tried on, so that it acts within two steps.
struct Subject {
  /// All ways in which it acts, in text format.
  std::vector<std::string> settings = {""};
  Samples samples = Samples::kFeatures;
  Layers layers = Layers::kNone;
  Precision precision = Precision::kFp32;
};

/// That of the algorithm with this config; one with nothing of its own where none is needed.
const Subject& subject_of(const std::string& config);

/// A TinyModel for samples of each kind, with layers and dropout before it. Where each token has a
/// target, the first one's is the sample's.
class SubjectModel : public TinyModel {
 public:
  explicit SubjectModel(const Subject& subject, double dropout = 0.3);
  Outputs forward(const Batch& batch) override;
  Loss loss(const Outputs& outputs, const Batch& batch) override;
  at::Tensor per_sample_loss(const Outputs& outputs, const Batch& batch) override;
  void update_metric(Metric& metric, const Outputs& outputs, const Batch& batch) override;

 private:
  at::Tensor features(const Batch& batch);

  const double dropout_;
  std::shared_ptr<torch::nn::Module> first_, second_;
  std::shared_ptr<LayerSequence> norms_;
  std::shared_ptr<ResNet> net_;
  std::shared_ptr<Gpt2Transformer> gpt2_;
  std::shared_ptr<BertModel> bert_;
};

/// Gives TinyLoader's samples as samples of each kind, or those of a dataset.
class SampleLoader final : public DataLoader, public ImageLoader {
 public:
  SampleLoader(Samples samples, int64_t count, int64_t batch_size, uint64_t seed = 1);
  int64_t batch_size() const override { return loader_.batch_size(); }
  std::optional<int64_t> batches_per_epoch() const override { return loader_.batches_per_epoch(); }
  void seek(int64_t epoch, int64_t batch) override;
  std::optional<Batch> next() override;
  absl::Status add_transform(std::shared_ptr<const ByteTransform> transform) override;

 private:
  const Samples samples_;
  TinyLoader loader_;
  // Null for all but kImageDataset.
  std::shared_ptr<DataLoader> images_;
};

}  // namespace composer::testing
