#include "composer/data/streams/stream_loader.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/collates/pad_collate.h"
#include "proto/data.pb.h"
#include "tests/data/threads.h"

namespace composer {
namespace {

using Sharding = StreamLoaderOptions::Sharding;
using Batches = std::vector<std::vector<int64_t>>;

// Files of numbers: record r of file f is 1000 f + r. Says how many it has only when it `knows`.
class Numbers final : public IterableDataset {
 public:
  Numbers(std::vector<int64_t> sizes, bool knows) : sizes_(std::move(sizes)), knows_(knows) {}

  int64_t num_files() const override { return static_cast<int64_t>(sizes_.size()); }
  std::optional<int64_t> num_records(int64_t file) const override {
    if (!knows_) return std::nullopt;
    return sizes_[file];
  }
  std::unique_ptr<RecordReader> open(int64_t file) const override {
    if (file == missing) throw std::runtime_error("/data/shard-1: cannot be opened");
    ++opened;
    return std::make_unique<Reader>(*this, file);
  }
  std::string name() const override { return "numbers"; }

  std::set<int64_t> broken;
  int64_t missing = -1;
  // Records that its file lacks, though it says that it has them.
  std::map<int64_t, int64_t> lacking;
  mutable std::atomic<int64_t> opened = 0, decoded = 0;

 private:
  class Reader final : public RecordReader {
   public:
    Reader(const Numbers& numbers, int64_t file) : numbers_(numbers), file_(file) {
      end_ = numbers.sizes_[file];
      const auto lacking = numbers.lacking.find(file);
      if (lacking != numbers.lacking.end()) end_ -= lacking->second;
    }
    std::optional<TensorDict> next() override {
      if (at_ == end_) return std::nullopt;
      const int64_t value = 1000 * file_ + at_++;
      ++numbers_.decoded;
      if (numbers_.broken.count(value) != 0) {
        throw std::runtime_error(absl::StrCat("/data/shard-", file_, ": byte 17: no number"));
      }
      return TensorDict{{"input", at::scalar_tensor(value, at::kLong)}};
    }
    int64_t skip(int64_t count) override {
      const int64_t passed = std::min(count, end_ - at_);
      at_ += passed;
      return passed;
    }

   private:
    const Numbers& numbers_;
    const int64_t file_;
    int64_t at_ = 0, end_;
  };

  const std::vector<int64_t> sizes_;
  const bool knows_;
};

std::unique_ptr<StreamLoader> make(std::shared_ptr<const IterableDataset> dataset,
                                   const StreamLoaderOptions& options) {
  auto loader = StreamLoader::create(std::move(dataset), options);
  EXPECT_TRUE(loader.ok()) << loader.status();
  return *std::move(loader);
}

std::unique_ptr<StreamLoader> make(const std::vector<int64_t>& sizes, bool knows,
                                   const StreamLoaderOptions& options) {
  return make(std::make_shared<Numbers>(sizes, knows), options);
}

std::vector<int64_t> values_of(const Batch& batch) {
  const at::Tensor input = batch.at("input");
  return {input.data_ptr<int64_t>(), input.data_ptr<int64_t>() + input.numel()};
}

Batches rest_of(DataLoader& loader, int64_t epoch, int64_t batch = 0) {
  loader.seek(epoch, batch);
  Batches batches;
  while (std::optional<Batch> next = loader.next()) batches.push_back(values_of(*next));
  EXPECT_FALSE(loader.next().has_value());
  return batches;
}

std::vector<int64_t> flat(const Batches& batches) {
  std::vector<int64_t> all;
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

std::vector<int64_t> in_file_order(const std::vector<int64_t>& sizes) {
  std::vector<int64_t> all;
  for (size_t file = 0; file < sizes.size(); ++file) {
    for (int64_t r = 0; r < sizes[file]; ++r) all.push_back(1000 * file + r);
  }
  return all;
}

std::vector<int64_t> sorted(std::vector<int64_t> values) {
  std::sort(values.begin(), values.end());
  return values;
}

const std::vector<int64_t> kSizes = {13, 0, 40, 7, 1, 22, 17};  // 100 records

TEST(StreamLoaderTest, GivesTheRecordsFileAfterFile) {
  for (const bool knows : {true, false}) {
    const auto loader = make(kSizes, knows, {.batch_size = 32});
    EXPECT_EQ(loader->batch_size(), 32);
    EXPECT_EQ(loader->batches_per_epoch(), knows ? std::optional<int64_t>(4) : std::nullopt);
    const Batches batches = rest_of(*loader, 0);
    ASSERT_EQ(batches.size(), 4u);
    EXPECT_EQ(batches[0].size(), 32u);
    EXPECT_EQ(batches[3].size(), 4u);
    EXPECT_EQ(flat(batches), in_file_order(kSizes));
    EXPECT_EQ(rest_of(*loader, 5), batches);
    EXPECT_EQ(rest_of(*make(kSizes, knows, {.batch_size = 32, .drop_last = true}), 0).size(), 3u);
    const auto subset = make(kSizes, knows, {.batch_size = 32, .subset_num_batches = 2});
    EXPECT_EQ(rest_of(*subset, 0), Batches(batches.begin(), batches.begin() + 2));
  }
}

TEST(StreamLoaderTest, StartsAtTheFirstBatchOfTheFirstEpoch) {
  EXPECT_EQ(values_of(*make(kSizes, true, {.batch_size = 3})->next()),
            (std::vector<int64_t>{0, 1, 2}));
}

TEST(StreamLoaderTest, ShufflesFilesAndWithinBuffersByNothingButSeedAndEpoch) {
  for (const bool knows : {true, false}) {
    const StreamLoaderOptions options = {
        .batch_size = 8, .shuffle = true, .shuffle_buffer = 30, .seed = 17};
    const auto loader = make(kSizes, knows, options);
    const std::vector<int64_t> epoch_3 = flat(rest_of(*loader, 3));
    EXPECT_EQ(sorted(epoch_3), in_file_order(kSizes));
    rest_of(*loader, 9);
    EXPECT_EQ(flat(rest_of(*loader, 3)), epoch_3);
    EXPECT_EQ(flat(rest_of(*make(kSizes, !knows, options), 3)), epoch_3);
    // The size of a batch does not matter.
    StreamLoaderOptions other = options;
    other.batch_size = 7;
    EXPECT_EQ(flat(rest_of(*make(kSizes, knows, other), 3)), epoch_3);
    EXPECT_NE(flat(rest_of(*loader, 4)), epoch_3);
    other.seed = 18;
    EXPECT_NE(flat(rest_of(*make(kSizes, knows, other), 3)), epoch_3);

    // Each buffer is a stretch of the files' own order, in another order.
    std::vector<int64_t> unshuffled;
    const auto by_one =
        make(kSizes, knows, {.batch_size = 8, .shuffle = true, .shuffle_buffer = 1, .seed = 17});
    unshuffled = flat(rest_of(*by_one, 3));
    for (int64_t start = 0; start < 100; start += 30) {
      const int64_t end = std::min<int64_t>(start + 30, 100);
      const std::vector<int64_t> buffer(epoch_3.begin() + start, epoch_3.begin() + end);
      const std::vector<int64_t> stretch(unshuffled.begin() + start, unshuffled.begin() + end);
      EXPECT_EQ(sorted(buffer), sorted(stretch));
      EXPECT_NE(buffer, stretch);
    }
    // Files in one piece, but in another order.
    EXPECT_NE(unshuffled, in_file_order(kSizes));
    for (size_t i = 1; i < unshuffled.size(); ++i) {
      EXPECT_TRUE(unshuffled[i] == unshuffled[i - 1] + 1 || unshuffled[i] % 1000 == 0);
    }
  }
}

// Every position, several buffers, ranks, shardings, with and without counts, with and without a
// thread.
TEST(StreamLoaderTest, ContinuesAfterASeekWithTheSameBits) {
  for (const bool knows : {true, false}) {
    for (const int64_t buffer : {0, 1, 5, 16, 33, 100, 1000}) {
      for (const Sharding sharding : {Sharding::kByRecord, Sharding::kByFile}) {
        const std::vector<int64_t> sizes = sharding == Sharding::kByRecord
                                               ? kSizes
                                               : std::vector<int64_t>{33, 40, 37, 7, 1, 22, 0};
        for (const int64_t world_size : {1, 2, 3}) {
          for (int64_t rank = 0; rank < world_size; ++rank) {
            const StreamLoaderOptions options = {.batch_size = 7,
                                                 .shuffle = buffer > 0,
                                                 .shuffle_buffer = std::max<int64_t>(buffer, 1),
                                                 .sharding = sharding,
                                                 .drop_last = true,
                                                 .seed = 17,
                                                 .rank = rank,
                                                 .world_size = world_size,
                                                 .read_ahead = (buffer + rank) % 2 == 0};
            const Batches unbroken = rest_of(*make(sizes, knows, options), 2);
            ASSERT_GT(unbroken.size(), 4u);
            const auto loader = make(sizes, knows, options);
            for (size_t batch = 0; batch <= unbroken.size(); ++batch) {
              const Batches rest = rest_of(*loader, 2, static_cast<int64_t>(batch));
              ASSERT_EQ(rest, Batches(unbroken.begin() + batch, unbroken.end()))
                  << knows << " " << buffer << " " << world_size << " " << rank << " " << batch;
            }
            EXPECT_TRUE(rest_of(*loader, 2, 1000).empty());
          }
        }
      }
    }
  }
  EXPECT_THROW(make(kSizes, true, {})->seek(0, -1), c10::ValueError);
  EXPECT_THROW(make(kSizes, true, {})->seek(-1, 0), c10::ValueError);
}

TEST(StreamLoaderTest, GivesRanksContiguousPartsOfEachBatch) {
  for (const bool knows : {true, false}) {
    for (const int64_t buffer : {0, 10, 33, 1000}) {
      for (const int64_t batch_size : {8, 9, 48, 100}) {
        StreamLoaderOptions options = {.batch_size = batch_size,
                                       .shuffle = buffer > 0,
                                       .shuffle_buffer = std::max<int64_t>(buffer, 1),
                                       .seed = 3};
        const Batches global = rest_of(*make(kSizes, knows, options), 1);
        EXPECT_EQ(sorted(flat(global)), in_file_order(kSizes));
        for (options.world_size = 2; options.world_size < 5; ++options.world_size) {
          // 9 leaves one record for the last batch, too few for all ranks.
          options.drop_last = batch_size == 9;
          Batches joined(global.size() - (batch_size == 9 ? 1 : 0));
          for (options.rank = 0; options.rank < options.world_size; ++options.rank) {
            const Batches part = rest_of(*make(kSizes, knows, options), 1);
            ASSERT_EQ(part.size(), joined.size());
            for (size_t i = 0; i < part.size(); ++i) {
              joined[i].insert(joined[i].end(), part[i].begin(), part[i].end());
              const int64_t all = static_cast<int64_t>(global[i].size());
              EXPECT_LE(std::abs(static_cast<int64_t>(part[i].size()) * options.world_size - all),
                        options.world_size - 1);
            }
          }
          EXPECT_EQ(joined, Batches(global.begin(), global.begin() + joined.size()));
        }
      }
    }
  }
}

TEST(StreamLoaderTest, LeavesOutAnEndWithFewerRecordsThanRanks) {
  // 100 records in batches of 9: one is left.
  const StreamLoaderOptions options = {.batch_size = 9, .world_size = 2};
  const absl::Status known =
      StreamLoader::create(std::make_shared<Numbers>(kSizes, true), options).status();
  EXPECT_EQ(field_of(known), "batch_size");
  EXPECT_EQ(rest_of(*make(kSizes, false, options), 0).size(), 11u);
}

TEST(StreamLoaderTest, ByFileEachRankReadsItsOwn) {
  const std::vector<int64_t> sizes = {20, 11, 10, 15, 4, 30};
  for (const bool knows : {true, false}) {
    StreamLoaderOptions options = {.batch_size = 9,
                                   .shuffle = true,
                                   .shuffle_buffer = 8,
                                   .sharding = Sharding::kByFile,
                                   .seed = 1,
                                   .world_size = 2};
    std::vector<Batches> parts;
    for (options.rank = 0; options.rank < 2; ++options.rank) {
      const auto dataset = std::make_shared<Numbers>(sizes, knows);
      const auto loader = make(dataset, options);
      parts.push_back(rest_of(*loader, 0));
      for (const int64_t value : flat(parts.back())) {
        EXPECT_EQ(value / 1000 % 2, options.rank);
      }
      EXPECT_NE(rest_of(*loader, 1), parts.back());
      // Rank 0 has 34 records in batches of 4, rank 1 56 in batches of 5.
      EXPECT_EQ(loader->batches_per_epoch(), knows ? std::optional<int64_t>(9) : std::nullopt);
    }
    EXPECT_EQ(parts[0].size(), 9u);
    EXPECT_EQ(parts[1].size(), knows ? 9u : 12u);
    EXPECT_EQ(parts[0].back().size(), 2u);
    EXPECT_EQ(parts[0][0].size() + parts[1][0].size(), 9u);
  }
}

TEST(StreamLoaderTest, OpensAFileOnceAnEpoch) {
  for (const bool shuffle : {false, true}) {
    for (const bool knows : {false, true}) {
      const auto dataset = std::make_shared<Numbers>(std::vector<int64_t>{500, 500}, knows);
      const auto loader =
          make(dataset, {.batch_size = 10, .shuffle = shuffle, .shuffle_buffer = 10});
      int64_t batches = 0;
      while (loader->next()) ++batches;
      EXPECT_EQ(batches, 100);
      EXPECT_LE(dataset->opened, 4) << shuffle << knows;
    }
  }
}

TEST(StreamLoaderTest, ReadsOneBufferAfterASeek) {
  const std::vector<int64_t> sizes(100, 100);
  const auto dataset = std::make_shared<Numbers>(sizes, true);
  const auto loader = make(dataset, {.batch_size = 10, .shuffle = true, .shuffle_buffer = 200});
  loader->seek(3, 999);
  EXPECT_TRUE(loader->next().has_value());
  EXPECT_FALSE(loader->next().has_value());
  // The last buffer's last batch.
  EXPECT_LE(dataset->decoded, 10);
  EXPECT_LE(dataset->opened, 2);
  loader->seek(3, 500);
  loader->next();
  EXPECT_LE(dataset->decoded, 10 + 200 + 10);
  // Where counts are not known, what is passed over is not decoded either.
  const auto unknown = std::make_shared<Numbers>(sizes, false);
  const auto other = make(unknown, {.batch_size = 10, .shuffle = true, .shuffle_buffer = 200});
  other->seek(3, 999);
  EXPECT_TRUE(other->next().has_value());
  EXPECT_LE(unknown->decoded, 20);
}

TEST(StreamLoaderTest, DecodesWhatTheRankNeedsAlone) {
  for (const bool knows : {true, false}) {
    const std::vector<int64_t> sizes(10, 100);
    const auto dataset = std::make_shared<Numbers>(sizes, knows);
    const auto loader = make(
        dataset,
        {.batch_size = 20, .shuffle = true, .shuffle_buffer = 200, .rank = 1, .world_size = 4});
    EXPECT_EQ(flat(rest_of(*loader, 0)).size(), 250u);
    EXPECT_EQ(dataset->decoded, 250);
  }
}

TEST(StreamLoaderTest, GivesTheSameWithAThreadThatReadsAhead) {
  for (const bool knows : {true, false}) {
    for (const bool next_epoch : {true, false}) {
      StreamLoaderOptions options = {
          .batch_size = 8, .shuffle = true, .shuffle_buffer = 30, .seed = 17};
      const auto plain = make(kSizes, knows, options);
      options.read_ahead = true;
      options.prefetch = 3;
      options.prefetch_next_epoch = next_epoch;
      const auto ahead = make(kSizes, knows, options);
      for (const int64_t epoch : {0, 1, 2, 7, 0}) {
        EXPECT_EQ(rest_of(*ahead, epoch), rest_of(*plain, epoch));
      }
      // An end that nobody reads to.
      for (int64_t epoch = 0; epoch < 3; ++epoch) {
        ahead->seek(epoch, 0);
        plain->seek(epoch, 0);
        for (int i = 0; i < 13; ++i)
          EXPECT_EQ(values_of(*ahead->next()), values_of(*plain->next()));
      }
    }
  }
}

TEST(StreamLoaderTest, EndsItsThreadAtAnyMoment) {
  const int before = count_threads();
  for (int64_t batches = 0; batches < 20; ++batches) {
    const auto loader = make(kSizes, true,
                             {.batch_size = 8,
                              .shuffle = true,
                              .shuffle_buffer = 30,
                              .read_ahead = true,
                              .prefetch = 2});
    for (int64_t i = 0; i < batches; ++i) loader->next();
    if (batches % 3 == 0) loader->seek(2, 5);
  }
  EXPECT_TRUE(threads_become(before));
}

// A file from which nothing comes.
class Stuck final : public IterableDataset {
 public:
  Stuck() { EXPECT_EQ(pipe(ends_), 0); }
  ~Stuck() override {
    close(ends_[0]);
    close(ends_[1]);
  }
  int64_t num_files() const override { return 1; }
  std::unique_ptr<RecordReader> open(int64_t) const override {
    return std::make_unique<Reader>(ends_[0]);
  }
  std::string name() const override { return "stuck"; }

 private:
  class Reader final : public RecordReader {
   public:
    explicit Reader(int end) : end_(end) {}
    std::optional<TensorDict> next() override {
      if (given_++ < 2) return TensorDict{{"input", at::scalar_tensor(given_, at::kLong)}};
      char byte;
      if (read(end_, &byte, 1) < 0) throw std::runtime_error("interrupted");
      return std::nullopt;
    }

   private:
    int end_;
    int64_t given_ = 0;
  };

  int ends_[2];
};

TEST(StreamLoaderTest, EndsWhileItsThreadWaitsForARead) {
  const auto start = std::chrono::steady_clock::now();
  {
    const auto loader = make(std::make_shared<Stuck>(), {.batch_size = 2, .read_ahead = true});
    EXPECT_TRUE(loader->next().has_value());
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(StreamLoaderTest, SaysWhichRecordCouldNotBeReadAndGoesOn) {
  for (const bool knows : {true, false}) {
    for (const bool read_ahead : {true, false}) {
      const auto dataset = std::make_shared<Numbers>(kSizes, knows);
      dataset->broken = {2012};
      const auto loader = make(dataset, {.batch_size = 10, .read_ahead = read_ahead});
      loader->seek(6, 1);
      EXPECT_EQ(values_of(*loader->next()).front(), 10);
      const absl::Status status = catch_exceptions([&] { loader->next(); });
      EXPECT_EQ(
          status.message(),
          "dataset numbers, epoch 6, batch 2: record 12 of file 2: /data/shard-2: byte 17: no "
          "number");
      EXPECT_EQ(values_of(*loader->next()).front(), 2017);
    }
  }
}

TEST(StreamLoaderTest, SkipsBrokenRecordsAndMovesNothing) {
  for (const bool knows : {true, false}) {
    StreamLoaderOptions options = {
        .batch_size = 8, .shuffle = true, .shuffle_buffer = 30, .seed = 4, .read_ahead = knows};
    const Batches whole = rest_of(*make(kSizes, knows, options), 1);
    const auto dataset = std::make_shared<Numbers>(kSizes, knows);
    dataset->broken = {3, 2012, 2013, 6016};
    options.skip_broken_samples = 4;
    const auto loader = make(dataset, options);
    const Batches short_ones = rest_of(*loader, 1);
    ASSERT_EQ(short_ones.size(), whole.size());
    for (size_t i = 0; i < whole.size(); ++i) {
      std::vector<int64_t> expected = whole[i];
      expected.erase(std::remove_if(expected.begin(), expected.end(),
                                    [&](int64_t v) { return dataset->broken.count(v) != 0; }),
                     expected.end());
      EXPECT_EQ(short_ones[i], expected);
    }
    EXPECT_EQ(loader->skipped_samples(), 4);
    // One that comes again counts once, also after going on from a state.
    rest_of(*loader, 2);
    EXPECT_EQ(loader->skipped_samples(), 4);
    const auto resumed = make(dataset, options);
    ASSERT_TRUE(resumed->load_state_dict(loader->state_dict()).ok());
    rest_of(*resumed, 3);
    EXPECT_EQ(resumed->skipped_samples(), 4);

    options.skip_broken_samples = 3;
    const auto strict = make(dataset, options);
    const absl::Status status = catch_exceptions([&] { rest_of(*strict, 1); });
    EXPECT_TRUE(absl::StrContains(status.message(),
                                  "4 samples could not be read so far, and 3 may be skipped"))
        << status;
  }
}

TEST(StreamLoaderTest, RefusesABatchWithoutAnyRecord) {
  const auto dataset = std::make_shared<Numbers>(kSizes, true);
  dataset->broken = {0, 1};
  const auto loader = make(dataset, {.batch_size = 2, .skip_broken_samples = 10});
  const absl::Status status = catch_exceptions([&] { loader->next(); });
  EXPECT_TRUE(absl::StrContains(status.message(), "none of its samples can be read")) << status;
  EXPECT_EQ(values_of(*loader->next()), (std::vector<int64_t>{2, 3}));
}

TEST(StreamLoaderTest, LosesNoBatchToAFileThatIsReadAhead) {
  for (const bool read_ahead : {true, false}) {
    const auto dataset = std::make_shared<Numbers>(std::vector<int64_t>(4, 100), true);
    dataset->missing = 2;
    const auto loader =
        make(dataset,
             {.batch_size = 10, .shuffle = true, .shuffle_buffer = 100, .read_ahead = read_ahead});
    // The files come in an order of the epoch's own; each is a buffer.
    std::vector<bool> right(40);
    for (int64_t batch = 0; batch < 40; ++batch) {
      right[batch] = catch_exceptions([&] { EXPECT_TRUE(loader->next().has_value()); }).ok();
    }
    EXPECT_EQ(std::count(right.begin(), right.end(), false), 10);
    for (int64_t batch = 0; batch < 40; ++batch) {
      EXPECT_EQ(right[batch], right[batch / 10 * 10]) << batch;
    }
  }
}

TEST(StreamLoaderTest, SaysWhichFileIsWrong) {
  for (const bool read_ahead : {true, false}) {
    const auto missing = std::make_shared<Numbers>(kSizes, true);
    missing->missing = 2;
    const auto loader =
        make(missing, {.batch_size = 10, .read_ahead = read_ahead, .skip_broken_samples = 1000});
    EXPECT_TRUE(loader->next().has_value());
    EXPECT_EQ(catch_exceptions([&] { loader->next(); }).message(),
              "dataset numbers, epoch 0, batch 1: file 2: /data/shard-1: cannot be opened");
    EXPECT_FALSE(catch_exceptions([&] { loader->next(); }).ok());
    loader->seek(0, 6);
    EXPECT_EQ(values_of(*loader->next()).front(), 4000);
  }
  const auto lacking = std::make_shared<Numbers>(kSizes, true);
  lacking->lacking = {{2, 5}};
  EXPECT_TRUE(absl::StrContains(
      catch_exceptions([&] { rest_of(*make(lacking, {.batch_size = 10}), 0); }).message(),
      "file 2 ends before record 35, but should have 40 records"));
}

TEST(StreamLoaderTest, CollatesAsAsked) {
  config::PadCollate config;
  config.add_tensors("input");
  std::shared_ptr<const Collate> pad = *PadCollate::create(config);
  const auto loader = make(kSizes, true, {.batch_size = 10, .collate = pad});
  EXPECT_TRUE(absl::StrContains(catch_exceptions([&] { loader->next(); }).message(),
                                "dataset numbers, epoch 0, batch 0: \"input\" of sample 0"));
}

TEST(StreamLoaderTest, RefusesAStateOfOtherData) {
  const auto state = make(kSizes, true, {.batch_size = 10})->state_dict();
  EXPECT_TRUE(make(kSizes, true, {.batch_size = 5})->load_state_dict(state).ok());
  const absl::Status records = make({13, 0, 40, 7, 1, 22, 18}, true, {})->load_state_dict(state);
  EXPECT_EQ(records.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(records.message(), "has 101 records now and had 100"));
  EXPECT_FALSE(make({100}, true, {})->load_state_dict(state).ok());
  EXPECT_FALSE(make(kSizes, false, {})->load_state_dict(state).ok());
}

TEST(StreamLoaderTest, NamesTheFieldThatCannotBe) {
  const auto field = [](const std::vector<int64_t>& sizes, bool knows,
                        const StreamLoaderOptions& options) {
    return field_of(
        StreamLoader::create(std::make_shared<Numbers>(sizes, knows), options).status());
  };
  EXPECT_EQ(field(kSizes, true, {.batch_size = 101}), "batch_size");
  EXPECT_EQ(field(kSizes, false, {.batch_size = 0}), "batch_size");
  EXPECT_EQ(field(kSizes, false, {.batch_size = 2, .world_size = 3}), "batch_size");
  EXPECT_EQ(field(kSizes, false, {.shuffle_buffer = 0}), "stream.shuffle_buffer");
  EXPECT_EQ(field(kSizes, false, {.subset_num_batches = 0}), "subset_num_batches");
  EXPECT_EQ(field(kSizes, false, {.prefetch = 0}), "prefetch");
  EXPECT_EQ(field(kSizes, false, {.skip_broken_samples = -1}), "broken_samples.limit");
  EXPECT_EQ(field({}, true, {}), "dataset");
  EXPECT_EQ(field({5, 5}, true, {.batch_size = 4, .sharding = Sharding::kByFile, .world_size = 3}),
            "stream.sharding");
  EXPECT_EQ(field({5, 0}, true, {.batch_size = 4, .sharding = Sharding::kByFile, .world_size = 2}),
            "batch_size");
  EXPECT_FALSE(StreamLoader::create(nullptr, {}).ok());
}

}  // namespace
}  // namespace composer
