// A test without LibTorch, for the sanitizers that LibTorch's libraries are not built for.
#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace {

TEST(ThreadsTest, MutexOrdersWriters) {
  absl::Mutex mutex;
  std::vector<std::string> words;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      absl::MutexLock lock(&mutex);
      words.push_back(std::to_string(i));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(words.size(), 4u);
}

TEST(ThreadsTest, NotificationOrdersItsSender) {
  absl::Notification done;
  std::string word;
  std::thread thread([&] {
    word = "sent";
    done.Notify();
  });
  done.WaitForNotification();
  EXPECT_EQ(word, "sent");
  thread.join();
}

TEST(ThreadsTest, ConditionVariableOrdersProducerAndConsumer) {
  absl::Mutex mutex;
  absl::CondVar filled;
  std::vector<int> queue;
  std::thread producer([&] {
    for (int i = 0; i < 100; ++i) {
      absl::MutexLock lock(&mutex);
      queue.push_back(i);
      filled.Signal();
    }
  });
  int sum = 0;
  for (int taken = 0; taken < 100; ++taken) {
    absl::MutexLock lock(&mutex);
    while (queue.empty()) filled.Wait(&mutex);
    sum += queue.back();
    queue.pop_back();
  }
  producer.join();
  EXPECT_EQ(sum, 4950);
}

}  // namespace
