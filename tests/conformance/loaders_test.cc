// That a run goes on inside an epoch with the batches that it would have had, whatever it reads and
// however many workers read it; and that nothing is read again that came before. For every dataset
// and stream in the registry; a new one needs a sample in sample_datasets.cc.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "composer/checkpoint/checkpoint.h"
#include "composer/config/build_chosen.h"
#include "composer/core/model.h"
#include "composer/core/state.h"
#include "composer/data/dataset_batch_maker.h"
#include "composer/data/device_loader.h"
#include "composer/data/from_config.h"
#include "composer/data/image_dataset.h"
#include "composer/data/loader.h"
#include "composer/data/registry.h"
#include "composer/data/samplers/sampler.h"
#include "composer/data/streams/stream_loader.h"
#include "composer/data/transforms/image_batch_maker.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"
#include "google/protobuf/text_format.h"
#include "proto/dataset.pb.h"
#include "tests/conformance/sample_datasets.h"
#include "tests/data/formats/idx_files.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

constexpr int64_t kEpochs = 2;
constexpr int64_t kSeed = 3;

// Trains on anything.
class AnyModel final : public ComposerModel {
 public:
  AnyModel() { weight_ = register_parameter("weight", at::ones({1})); }
  Outputs forward(const Batch&) override { return {{"logits", weight_ * 2}}; }
  Loss loss(const Outputs& outputs, const Batch&) override {
    return outputs.at("logits").square().sum();
  }

 private:
  at::Tensor weight_;
};

// Keeps the batches that are trained on, and interrupts the run after some.
class Recorder final : public Callback {
 public:
  Recorder(std::vector<Batch>* batches, int64_t stop) : batches_(batches), stop_(stop) {}
  void after_dataloader(State& state, Logger&) override {
    Batch copy;
    for (const auto& [name, tensor] : state.batch) copy.set(name, tensor.clone());
    batches_->push_back(std::move(copy));
  }
  void batch_end(State& state, Logger&) override {
    if (state.timestamp.batch == stop_) state.interrupt("the test");
  }

 private:
  std::vector<Batch>* batches_;
  const int64_t stop_;
};

// The batches until the interruption, after `stop` batches, or until the end of the run; from a
// checkpoint, if there is one.
std::vector<Batch> train(std::shared_ptr<DataLoader> loader, const std::string& folder,
                         int64_t stop = -1, bool resume = false) {
  std::vector<Batch> batches;
  seed_everything(1);
  TrainerOptions options;
  options.model = std::make_shared<AnyModel>();
  options.train = std::move(loader);
  options.max_duration = absl::StrCat(kEpochs, "ep");
  options.optimizers = {testing::plain_sgd(0.1)};
  options.callbacks.push_back(std::make_unique<Recorder>(&batches, stop));
  options.checkpoints = CheckpointOptions{.saver = {.folder = folder}, .interval = "0ep"};
  const auto trainer = Trainer::create(std::move(options));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  if (!trainer.ok()) return {};
  if (resume) {
    const auto checkpoint = read_checkpoint(folder + "/latest");
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
    if (!checkpoint.ok()) return {};
    const absl::Status loaded = (*trainer)->load_checkpoint(*checkpoint);
    EXPECT_TRUE(loaded.ok()) << loaded;
  }
  const absl::Status status = (*trainer)->fit();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ((*trainer)->state().interrupted, stop >= 0);
  return batches;
}

void expect_same(const std::vector<Batch>& found, const std::vector<Batch>& whole, size_t first) {
  ASSERT_EQ(found.size(), whole.size() - first);
  for (size_t i = 0; i < found.size(); ++i) {
    const Batch& batch = found[i];
    const Batch& expected = whole[first + i];
    ASSERT_EQ(batch.size(), expected.size());
    for (const auto& [name, tensor] : expected) {
      ASSERT_EQ(batch.at(name).scalar_type(), tensor.scalar_type()) << name;
      EXPECT_TRUE(at::equal(batch.at(name), tensor)) << name << " of batch " << first + i;
    }
  }
}

// What was read of which epoch.
class ReadSamples {
 public:
  void add(int64_t epoch, absl::Span<const int64_t> indices) {
    const std::lock_guard<std::mutex> lock(mutex_);
    batches_.push_back({epoch, {indices.begin(), indices.end()}});
  }
  std::vector<std::pair<int64_t, std::vector<int64_t>>> batches() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return batches_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<int64_t, std::vector<int64_t>>> batches_;
};

class CountingMaker final : public BatchMaker {
 public:
  CountingMaker(std::shared_ptr<const BatchMaker> maker, std::shared_ptr<ReadSamples> read)
      : maker_(std::move(maker)), read_(std::move(read)) {}
  int64_t size() const override { return maker_->size(); }
  std::string name() const override { return maker_->name(); }
  Batch make(absl::Span<const int64_t> indices, int64_t epoch) const override {
    read_->add(epoch, indices);
    return maker_->make(indices, epoch);
  }

 private:
  const std::shared_ptr<const BatchMaker> maker_;
  const std::shared_ptr<ReadSamples> read_;
};

config::Dataset parse(const std::string& text) {
  config::Dataset config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config)) << text;
  return config;
}

std::shared_ptr<const BatchMaker> maker_of(std::shared_ptr<const Dataset> dataset) {
  if (auto images = std::dynamic_pointer_cast<const ImageDataset>(dataset)) {
    return ImageBatchMaker::create(std::move(images), {}, {}).value();
  }
  return std::make_shared<DatasetBatchMaker>(std::move(dataset));
}

constexpr int64_t kAhead = 4;

std::shared_ptr<MapDataLoader> make_loader(const testing::SampleDataset& sample, int64_t workers,
                                           std::shared_ptr<ReadSamples> read) {
  const auto dataset = build_dataset(parse(sample.config));
  EXPECT_TRUE(dataset.ok()) << dataset.status();
  if (!dataset.ok()) return nullptr;
  MapDataLoaderOptions options{.batch_size = sample.batch_size,
                               .shuffle = true,
                               .seed = kSeed,
                               .subset_num_batches = 8,
                               .sampler = (*dataset)->make_sampler(kSeed, /*shuffle=*/true),
                               .workers = workers,
                               .prefetch = kAhead};
  auto loader =
      MapDataLoader::create(std::make_shared<CountingMaker>(maker_of(*dataset), read), options);
  EXPECT_TRUE(loader.ok()) << loader.status();
  return loader.ok() ? *std::move(loader) : nullptr;
}

// Each batch from `position` on was made once, and none before it.
void expect_read_once_from(const MapDataLoader& loader, int64_t position, const ReadSamples& read) {
  const int64_t length = *loader.batches_per_epoch();
  std::map<std::pair<int64_t, std::vector<int64_t>>, int64_t> positions;
  for (int64_t epoch = 0; epoch <= kEpochs; ++epoch) {
    for (int64_t batch = 0; batch < length; ++batch) {
      positions[{epoch, *loader.indices(epoch, batch)}] = epoch * length + batch;
    }
  }
  std::set<int64_t> seen;
  for (const auto& batch : read.batches()) {
    const auto found = positions.find(batch);
    ASSERT_NE(found, positions.end());
    EXPECT_GE(found->second, position);
    EXPECT_LT(found->second, kEpochs * length + kAhead + 2);
    EXPECT_TRUE(seen.insert(found->second).second) << found->second << " was read twice";
  }
  for (int64_t batch = position; batch < kEpochs * length; ++batch) {
    EXPECT_EQ(seen.count(batch), 1u) << batch;
  }
}

template <typename Product>
class Conformance : public ::testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }
};

using DatasetConformance = Conformance<Dataset>;

struct Way {
  int64_t workers = 0;
  bool staged = false;
};

TEST_P(DatasetConformance, GoesOnInsideAnEpochAndReadsNothingAgain) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  if (GetParam() == "composer.config.SentencePieceText") {
    GTEST_SKIP() << "SentencePiece's library cannot be loaded under this sanitizer";
  }
#endif
  const testing::SampleDataset sample = testing::sample_dataset(GetParam());
  ASSERT_FALSE(sample.config.empty()) << "needs a sample in sample_datasets.cc";
  for (const Way& way : {Way{.workers = 0}, Way{.workers = 2}, Way{.workers = 2, .staged = true}}) {
    SCOPED_TRACE(absl::StrCat(way.workers, " workers", way.staged ? ", staged" : ""));
    const auto make = [&](std::shared_ptr<ReadSamples> read) {
      return make_loader(sample, way.workers, std::move(read));
    };
    // As for a GPU: the next batch is taken while one is trained on.
    const auto staged = [&](std::shared_ptr<DataLoader> loader) -> std::shared_ptr<DataLoader> {
      if (!way.staged) return loader;
      return std::make_shared<DeviceLoader>(std::move(loader), at::kCPU);
    };
    const auto loader = make(std::make_shared<ReadSamples>());
    ASSERT_NE(loader, nullptr);
    const int64_t length = *loader->batches_per_epoch();
    ASSERT_GE(length, 5);
    const std::vector<Batch> whole = train(loader, make_folder());
    ASSERT_EQ(static_cast<int64_t>(whole.size()), kEpochs * length);
    for (const int64_t position : {length / 2, length, length + length / 2}) {
      SCOPED_TRACE(absl::StrCat("from batch ", position));
      const std::string folder = make_folder();
      train(staged(make(std::make_shared<ReadSamples>())), folder, position);
      const auto read = std::make_shared<ReadSamples>();
      const auto fresh = make(read);
      expect_same(train(staged(fresh), folder, -1, /*resume=*/true), whole, position);
      expect_read_once_from(*fresh, position, *read);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Registered, DatasetConformance,
                         ::testing::ValuesIn(Registry<Dataset>::global().names()),
                         [](const auto& info) {
                           const std::vector<std::string> parts = absl::StrSplit(info.param, '.');
                           return parts.back();
                         });

// Counts the records that are decoded, by all readers.
class CountingStream final : public IterableDataset {
 public:
  explicit CountingStream(std::shared_ptr<const IterableDataset> stream)
      : stream_(std::move(stream)) {}
  int64_t num_files() const override { return stream_->num_files(); }
  std::optional<int64_t> num_records(int64_t file) const override {
    return stream_->num_records(file);
  }
  std::unique_ptr<RecordReader> open(int64_t file) const override {
    return std::make_unique<Reader>(stream_->open(file), &decoded);
  }
  std::string name() const override { return stream_->name(); }

  mutable std::atomic<int64_t> decoded = 0;

 private:
  class Reader final : public RecordReader {
   public:
    Reader(std::unique_ptr<RecordReader> reader, std::atomic<int64_t>* decoded)
        : reader_(std::move(reader)), decoded_(decoded) {}
    std::optional<TensorDict> next() override {
      std::optional<TensorDict> record = reader_->next();
      if (record) ++*decoded_;
      return record;
    }
    int64_t skip(int64_t count) override { return reader_->skip(count); }

   private:
    const std::unique_ptr<RecordReader> reader_;
    std::atomic<int64_t>* const decoded_;
  };

  const std::shared_ptr<const IterableDataset> stream_;
};

using StreamConformance = Conformance<IterableDataset>;

TEST_P(StreamConformance, GoesOnInsideAnEpochAndReadsOneBufferAtMostAgain) {
  const testing::SampleDataset sample = testing::sample_dataset(GetParam());
  ASSERT_FALSE(sample.config.empty()) << "needs a sample in sample_datasets.cc";
  const int64_t buffer = 2 * sample.batch_size;
  for (const bool read_ahead : {false, true}) {
    SCOPED_TRACE(read_ahead ? "a thread reads ahead" : "no thread");
    std::shared_ptr<CountingStream> stream;
    const auto make = [&]() -> std::shared_ptr<DataLoader> {
      auto built = build_chosen<IterableDataset>(parse(sample.config));
      EXPECT_TRUE(built.ok()) << built.status();
      stream = std::make_shared<CountingStream>(*std::move(built));
      auto loader = StreamLoader::create(stream, {.batch_size = sample.batch_size,
                                                  .shuffle = true,
                                                  .shuffle_buffer = buffer,
                                                  .seed = kSeed,
                                                  .read_ahead = read_ahead,
                                                  .prefetch_next_epoch = false});
      EXPECT_TRUE(loader.ok()) << loader.status();
      return *std::move(loader);
    };
    const std::vector<Batch> whole = train(make(), make_folder());
    const int64_t length = static_cast<int64_t>(whole.size()) / kEpochs;
    ASSERT_GE(length, 5);
    for (const int64_t position : {length / 2, length, length + length / 2}) {
      SCOPED_TRACE(absl::StrCat("from batch ", position));
      const std::string folder = make_folder();
      train(make(), folder, position);
      const auto fresh = make();
      expect_same(train(fresh, folder, -1, /*resume=*/true), whole, position);
      // A last buffer whose length was not known is read a second time in each epoch.
      const int64_t epochs = position < length ? 2 : 1;
      const int64_t left = (kEpochs * length - position) * sample.batch_size;
      EXPECT_LE(stream->decoded, left + (epochs + 1) * buffer);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Registered, StreamConformance,
                         ::testing::ValuesIn(Registry<IterableDataset>::global().names()),
                         [](const auto& info) {
                           const std::vector<std::string> parts = absl::StrSplit(info.param, '.');
                           return parts.back();
                         });

TEST(Registry, HasTheDatasetsOfTheCatalogue) {
  EXPECT_GE(Registry<Dataset>::global().names().size(), 16u);
  EXPECT_GE(Registry<IterableDataset>::global().names().size(), 2u);
}

}  // namespace
}  // namespace composer
