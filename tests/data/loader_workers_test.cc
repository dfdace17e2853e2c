#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/data/dataset_batch_maker.h"
#include "composer/data/loader.h"
#include "composer/data/tensor_dataset.h"
#include "tests/data/threads.h"

namespace composer {
namespace {

void sleep_ms(int64_t milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

// 100 samples; sample i is the number i, and what a test does with it comes first.
class Numbers final : public Dataset {
 public:
  explicit Numbers(std::function<void(int64_t index)> before = [](int64_t) {})
      : before_(std::move(before)) {}
  int64_t size() const override { return 100; }
  TensorDict get(int64_t index) const override {
    before_(index);
    return {{"input", at::scalar_tensor(index, at::kLong)}};
  }
  std::string name() const override { return "numbers"; }

 private:
  std::function<void(int64_t index)> before_;
};

template <typename Source>
std::unique_ptr<MapDataLoader> make(std::shared_ptr<Source> source,
                                    const MapDataLoaderOptions& options) {
  auto loader = MapDataLoader::create(std::move(source), options);
  EXPECT_TRUE(loader.ok()) << loader.status();
  return *std::move(loader);
}

std::vector<int64_t> samples_of(const Batch& batch) {
  const at::Tensor input = batch.at("input");
  return {input.data_ptr<int64_t>(), input.data_ptr<int64_t>() + input.numel()};
}

std::vector<std::vector<int64_t>> epoch_of(DataLoader& loader, int64_t epoch, int64_t batch = 0) {
  loader.seek(epoch, batch);
  std::vector<std::vector<int64_t>> batches;
  while (std::optional<Batch> next = loader.next()) batches.push_back(samples_of(*next));
  EXPECT_FALSE(loader.next().has_value());
  return batches;
}

absl::Status error_of(DataLoader& loader) {
  return catch_exceptions([&] { loader.next(); });
}

TEST(LoaderWorkersTest, ChangeNeitherOrderNorValues) {
  const auto noisy = std::make_shared<DatasetBatchMaker>(
      std::make_shared<Numbers>(),
      DatasetBatchMakerOptions{.transform =
                                   [](TensorDict& sample, CounterRandom& random) {
                                     sample.set("input", sample.at("input") + random.below(1000));
                                   },
                               .seed = 3});
  MapDataLoaderOptions options = {.batch_size = 7, .shuffle = true, .pad_last = true, .seed = 5};
  std::vector<std::vector<std::vector<int64_t>>> expected;
  const auto alone = make(noisy, options);
  for (int64_t epoch = 0; epoch < 3; ++epoch) expected.push_back(epoch_of(*alone, epoch));
  for (const bool next_epoch : {false, true}) {
    for (const int64_t workers : {1, 2, 5}) {
      options.workers = workers;
      options.prefetch_next_epoch = next_epoch;
      const auto loader = make(noisy, options);
      for (int64_t epoch = 0; epoch < 3; ++epoch) {
        EXPECT_EQ(epoch_of(*loader, epoch), expected[epoch]) << workers << " workers";
      }
    }
  }
}

TEST(LoaderWorkersTest, GiveASlowBatchInItsPlace) {
  const auto slow = std::make_shared<Numbers>([](int64_t index) {
    if (index % 30 == 0) sleep_ms(10);
  });
  const auto expected = epoch_of(*make(slow, {.batch_size = 10}), 0);
  EXPECT_EQ(epoch_of(*make(slow, {.batch_size = 10, .workers = 3}), 0), expected);
}

TEST(LoaderWorkersTest, ContinueAfterASeekWithTheSameBits) {
  MapDataLoaderOptions options = {.batch_size = 7, .shuffle = true, .seed = 5};
  const auto dataset = std::make_shared<Numbers>();
  const auto unbroken = epoch_of(*make(dataset, options), 2);
  options.workers = 2;
  const auto loader = make(dataset, options);
  for (int64_t batch = 0; batch < 15; ++batch) {
    // From the middle of another epoch, with batches prepared there.
    loader->seek(batch % 2, 3);
    loader->next();
    const auto rest = epoch_of(*loader, 2, batch);
    ASSERT_EQ(rest.size(), unbroken.size() - batch);
    EXPECT_TRUE(std::equal(rest.begin(), rest.end(), unbroken.begin() + batch));
  }
}

TEST(LoaderWorkersTest, PrepareNothingTwiceWhenAnEpochFollowsAnother) {
  std::atomic<int> made = 0;
  const auto counting = std::make_shared<Numbers>([&](int64_t) { ++made; });
  const auto loader = make(counting, {.batch_size = 10, .workers = 2, .prefetch = 3});
  for (int64_t epoch = 0; epoch < 5; ++epoch) {
    EXPECT_EQ(epoch_of(*loader, epoch).size(), 10u);
    // To where it is.
    loader->seek(epoch + 1, 0);
  }
  while (made < 530) sleep_ms(1);
  sleep_ms(20);
  EXPECT_EQ(made, 530);
}

TEST(LoaderWorkersTest, StopAtTheEndOfAnEpochThatNoneFollows) {
  std::atomic<int> made = 0;
  const auto counting = std::make_shared<Numbers>([&](int64_t) { ++made; });
  const auto loader =
      make(counting, {.batch_size = 10, .workers = 2, .prefetch_next_epoch = false});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(epoch_of(*loader, 0).size(), 10u);
  sleep_ms(20);
  EXPECT_EQ(made, 300);
}

TEST(LoaderWorkersTest, BringAnErrorAtItsBatchAndGoOn) {
  const auto broken = std::make_shared<Numbers>([](int64_t index) {
    if (index == 42 || index == 66) {
      throw_if_error(absl::DataLossError("/data/shard-3: byte 17: expected a JPEG"));
    }
  });
  for (const int64_t workers : {0, 1, 3}) {
    const auto loader = make(broken, {.batch_size = 10, .workers = workers});
    for (int64_t epoch = 0; epoch < 2; ++epoch) {
      loader->seek(epoch, 0);
      for (int64_t batch = 0; batch < 10; ++batch) {
        if (batch != 4 && batch != 6) {
          EXPECT_EQ(samples_of(*loader->next()).front(), 10 * batch);
          continue;
        }
        const absl::Status error = error_of(*loader);
        EXPECT_EQ(error.code(), absl::StatusCode::kDataLoss);
        EXPECT_TRUE(absl::StartsWith(
            error.message(), absl::StrCat("dataset numbers, epoch ", epoch, ", batch ", batch,
                                          ", samples ", 10 * batch, ", ")))
            << error;
        EXPECT_TRUE(absl::EndsWith(error.message(), ": /data/shard-3: byte 17: expected a JPEG"))
            << error;
      }
    }
  }
}

TEST(LoaderWorkersTest, UseOneThreadEachWithoutTakingTheOthersFromTraining) {
  at::set_num_threads(2);
  std::atomic<int> seen = 0, most = 0;
  const auto heavy = std::make_shared<Numbers>([&](int64_t) {
    at::zeros({1 << 18}).add_(1).sum();
    at::mm(at::ones({256, 256}), at::ones({256, 256}));
    most = std::max<int>(most, at::get_num_threads());
    ++seen;
  });
  const int before = settled_threads();
  const auto loader = make(heavy, {.batch_size = 10, .workers = 2});
  // The first batch is made here, with this thread's setting.
  loader->seek(0, 1);
  while (loader->next()) {
  }
  at::set_num_threads(2);
  EXPECT_EQ(at::get_num_threads(), 2);
  const int teams = count_threads() - before - 2;
  // At most the team of this thread.
  EXPECT_LE(teams, 1);
  std::thread later([] { EXPECT_EQ(at::get_num_threads(), 2); });
  later.join();
}

TEST(LoaderWorkersTest, RecordNoGradients) {
  const auto learning = std::make_shared<DatasetBatchMaker>(
      std::make_shared<Numbers>(),
      DatasetBatchMakerOptions{.transform = [](TensorDict& sample, CounterRandom&) {
        sample.set("input", sample.at("input").to(at::kFloat) * at::ones({}).requires_grad_());
      }});
  for (const int64_t workers : {0, 2}) {
    const auto loader = make(learning, {.batch_size = 10, .workers = workers});
    while (const std::optional<Batch> batch = loader->next()) {
      EXPECT_FALSE(batch->at("input").requires_grad()) << workers;
    }
  }
}

TEST(LoaderWorkersTest, EndWithTheLoaderAtAnyMoment) {
  const int before = settled_threads();
  const auto slow = std::make_shared<Numbers>([](int64_t index) {
    if (index % 10 == 3) sleep_ms(1);
  });
  for (int i = 0; i < 40; ++i) {
    const auto loader = make(slow, {.batch_size = 10, .workers = i % 4, .prefetch = i % 3 + 1});
    for (int j = 0; j < i % 5; ++j) loader->next();
    // With a full queue, or in the middle of everything.
    if (i % 8 == 0) sleep_ms(30);
  }
  EXPECT_TRUE(threads_become(before));
}

// Opens a pipe that nobody writes to, and reads from it.
class Stuck final : public Dataset {
 public:
  explicit Stuck(std::string path) : path_(std::move(path)) {}
  int64_t size() const override { return 100; }
  TensorDict get(int64_t index) const override {
    if (index < 10) return {{"input", at::scalar_tensor(index, at::kLong)}};
    ++waiting;
    const std::unique_ptr<FILE, int (*)(FILE*)> file(fopen(path_.c_str(), "rb"), fclose_or_none);
    char bytes[16];
    if (file == nullptr || fread(bytes, 1, sizeof(bytes), file.get()) != sizeof(bytes)) {
      ++interrupted;
      throw_if_error(absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path_)));
    }
    return {};
  }
  std::string name() const override { return "stuck"; }

  mutable std::atomic<int> waiting = 0;
  mutable std::atomic<int> interrupted = 0;

 private:
  static int fclose_or_none(FILE* file) { return file == nullptr ? 0 : fclose(file); }

  std::string path_;
};

TEST(LoaderWorkersTest, EndWhileTheyWaitForAFile) {
  const int before = settled_threads();
  for (const bool someone_holds_it : {false, true}) {
    for (const bool skip : {false, true}) {
      const std::string path = absl::StrCat(::testing::TempDir(), "/fifo", someone_holds_it, skip);
      ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
      // Without a writer it is the opening that waits; with one, the reading.
      const int writer = someone_holds_it ? open(path.c_str(), O_RDWR) : -1;
      const auto dataset = std::make_shared<Stuck>(path);
      MapDataLoaderOptions options = {.batch_size = 10, .workers = 2};
      if (skip) options.skip_broken_samples = 1000;
      auto loader = make(dataset, options);
      EXPECT_EQ(loader->next()->num_samples(), 10);
      while (dataset->waiting < 2) sleep_ms(1);
      sleep_ms(5);
      loader.reset();
      EXPECT_EQ(dataset->interrupted, dataset->waiting);
      // Each worker gives up, rather than trying the other samples of its batch.
      EXPECT_EQ(dataset->waiting, 2);
      EXPECT_TRUE(threads_become(before));
      if (writer >= 0) close(writer);
      unlink(path.c_str());
    }
  }
}

TEST(LoaderWorkersTest, StartWithTheFirstBatch) {
  const int before = settled_threads();
  const auto loader = make(std::make_shared<Numbers>(), {.batch_size = 10, .workers = 3});
  loader->seek(3, 2);
  EXPECT_EQ(count_threads(), before);
  loader->next();
  EXPECT_EQ(count_threads(), before + 3);
}

TEST(LoaderWorkersTest, SeekFarInNoTime) {
  // A dataset of a billion samples that stores none.
  class Billion final : public Dataset {
   public:
    int64_t size() const override { return 2'000'000'000; }
    TensorDict get(int64_t index) const override {
      return {{"input", at::scalar_tensor(index, at::kLong)}};
    }
    std::string name() const override { return "billion"; }
  };
  const auto loader =
      make(std::make_shared<Billion>(), {.batch_size = 10, .shuffle = true, .workers = 2});
  loader->next();
  auto best = std::chrono::steady_clock::duration::max();
  for (int64_t i = 0; i < 20; ++i) {
    const auto start = std::chrono::steady_clock::now();
    loader->seek(i, 100'000'000);
    loader->next();
    best = std::min(best, std::chrono::steady_clock::now() - start);
  }
  EXPECT_LT(best, std::chrono::milliseconds(1));
}

}  // namespace
}  // namespace composer
