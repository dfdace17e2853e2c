// Stands in for libFuzzer in the ordinary tests: feeds an entry with each file of a corpus, and
// with a fixed number of mutations of them, the same in every run.
#include <sanitizer/common_interface_defs.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Whatever ends the process comes with a stack and the input. Weak: --config=asan and ubsan bring
// options of their own.
extern "C" __attribute__((weak)) const char* __asan_default_options() {
  return "handle_abort=1:detect_stack_use_after_return=1:strict_string_checks=1";
}
extern "C" __attribute__((weak)) const char* __ubsan_default_options() {
  return "print_stacktrace=1:abort_on_error=1";
}

namespace {

using Bytes = std::vector<uint8_t>;
using Random = std::mt19937_64;

constexpr int kMutations = 10'000;
constexpr size_t kMaxSize = 4096;

// What was fed last: the report of a sanitizer ends with it. Never destroyed.
const Bytes* current = nullptr;

void print_current() {
  if (current == nullptr) return;
  std::fprintf(stderr, "the input, %zu bytes in hexadecimal (xxd -r -p makes a file of them):\n",
               current->size());
  for (const uint8_t byte : *current) std::fprintf(stderr, "%02x", byte);
  std::fprintf(stderr, "\n");
}

std::vector<Bytes> read_corpus(const std::string& folder) {
  // Sorted: the order of a folder differs between machines.
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Bytes> corpus;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

size_t below(Random& random, size_t bound) { return bound == 0 ? 0 : random() % bound; }

void flip_bit(Bytes& input, Random& random) {
  if (!input.empty()) input[below(random, input.size())] ^= 1u << below(random, 8);
}

void set_byte(Bytes& input, Random& random) {
  constexpr uint8_t kTelling[] = {0,   1,   0x7f, 0x80, 0xff, ' ', '\n', '"', '\'', '\\',
                                  '{', '}', '[',  ']',  ',',  ':', '-',  '0', '9',  '.'};
  if (!input.empty()) input[below(random, input.size())] = kTelling[below(random, 20)];
}

// An integer at the edge of something, in 1, 2, 4 or 8 bytes, of either order.
void set_integer(Bytes& input, Random& random) {
  const size_t width = size_t{1} << below(random, 4);
  if (input.size() < width) return;
  const uint64_t base[] = {0,          1,          0x7f,       0xff,       0x7fff,      0xffff,
                           0x10000,    0x7fffffff, 0x80000000, 0xffffffff, 1ull << 32,  1ull << 40,
                           1ull << 62, ~0ull >> 1, 1ull << 63, ~0ull,      input.size()};
  const uint64_t value = base[below(random, std::size(base))] + below(random, 3) - 1;
  const size_t position = below(random, input.size() - width + 1);
  const bool big_endian = below(random, 4) == 0;
  for (size_t i = 0; i < width; ++i) {
    input[position + (big_endian ? width - 1 - i : i)] = static_cast<uint8_t>(value >> 8 * i);
  }
}

// A number in the text becomes another one.
void set_decimal(Bytes& input, Random& random) {
  constexpr const char* kTelling[] = {"0",
                                      "1",
                                      "-1",
                                      "255",
                                      "256",
                                      "65536",
                                      "4294967295",
                                      "4294967296",
                                      "1e9",
                                      "9223372036854775807",
                                      "18446744073709551615",
                                      "99999999999999999999"};
  const auto is_digit = [](uint8_t byte) { return byte >= '0' && byte <= '9'; };
  const auto from = input.begin() + static_cast<std::ptrdiff_t>(below(random, input.size()));
  const auto begin = std::find_if(from, input.end(), is_digit);
  const auto end = std::find_if_not(begin, input.end(), is_digit);
  if (begin == end) return;
  const std::string value = kTelling[below(random, std::size(kTelling))];
  input.insert(input.erase(begin, end), value.begin(), value.end());
}

void truncate(Bytes& input, Random& random) { input.resize(below(random, input.size() + 1)); }

void erase_range(Bytes& input, Random& random) {
  const size_t begin = below(random, input.size() + 1);
  const size_t count = below(random, std::min<size_t>(input.size() - begin, 16) + 1);
  input.erase(input.begin() + begin, input.begin() + begin + count);
}

// A range of one input in the middle of another.
void splice(Bytes& input, const Bytes& other, Random& random) {
  const size_t begin = below(random, other.size() + 1);
  const size_t count = below(random, other.size() - begin + 1);
  const size_t position = below(random, input.size() + 1);
  input.insert(input.begin() + position, other.begin() + begin, other.begin() + begin + count);
}

Bytes mutate(const std::vector<Bytes>& corpus, Random& random) {
  Bytes input = corpus[below(random, corpus.size())];
  for (size_t steps = 1 + below(random, 4); steps > 0; --steps) {
    switch (below(random, 8)) {
      case 0:
      case 1:
        flip_bit(input, random);
        break;
      case 2:
        set_byte(input, random);
        break;
      case 3:
        set_integer(input, random);
        break;
      case 4:
        set_decimal(input, random);
        break;
      case 5:
        truncate(input, random);
        break;
      case 6:
        erase_range(input, random);
        break;
      case 7:
        splice(input, corpus[below(random, corpus.size())], random);
        break;
    }
  }
  input.resize(std::min(input.size(), kMaxSize));
  return input;
}

void feed(const Bytes& input) {
  // In memory of exactly its size, so that a byte past its end is noticed.
  const Bytes copy(input.begin(), input.end());
  current = &copy;
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
  current = nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
    return 2;
  }
  __sanitizer_set_death_callback(print_current);
  const std::vector<Bytes> corpus = read_corpus(argv[1]);
  if (corpus.empty()) {
    std::fprintf(stderr, "%s holds no files\n", argv[1]);
    return 1;
  }
  feed({});
  for (const Bytes& input : corpus) feed(input);
  Random random(1);
  for (int i = 0; i < kMutations; ++i) feed(mutate(corpus, random));
  std::printf("%zu files, %d mutations\n", corpus.size(), kMutations);
  return 0;
}
