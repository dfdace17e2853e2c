#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "tests/optim/schedules/clocks.h"

namespace composer::testing {
namespace {

TEST(SchedulesTest, GiveThePythonOriginalsNumbers) {
  std::ifstream file("tests/golden/optim/schedules.txt");
  std::unique_ptr<Scheduler> scheduler;
  std::string name, duration;
  double ratio = 1;
  std::set<std::string> kinds;
  int numbers = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    if (line.substr(0, 5) == "case ") {
      std::string word;
      fields >> word >> duration >> ratio;
      std::getline(fields, name);
      ScheduleClock clock = clock_at(0, duration);
      clock.scale_ratio = ratio;
      scheduler = schedule(name);
      const absl::Status valid = scheduler->validate(clock);
      EXPECT_TRUE(valid.ok()) << name << ": " << valid;
      kinds.insert(name.substr(1, name.find(' ', 1) - 1));
      continue;
    }
    int64_t batch;
    double expected;
    fields >> batch >> expected;
    ASSERT_FALSE(fields.fail()) << line;
    ScheduleClock clock = clock_at(batch, duration);
    clock.scale_ratio = ratio;
    EXPECT_NEAR(scheduler->multiplier(clock), expected, 1e-12)
        << name << " in " << duration << " at " << batch;
    ++numbers;
  }
  EXPECT_EQ(kinds.size(), 11u);
  EXPECT_GT(numbers, 3000);
}

}  // namespace
}  // namespace composer::testing
