#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "composer/data/broken_samples.h"
#include "composer/data/collate.h"
#include "composer/data/iterable_dataset.h"
#include "composer/data/samplers/permutation.h"
#include "composer/data/streams/record_sequence.h"

namespace composer {

/// What of a stream is read, and how it is cut into batches.
struct StreamPlan {
  std::vector<int64_t> files;
  /// Records of these files, where that is known.
  std::optional<int64_t> records = std::nullopt;
  /// Batches of an epoch: all that may be asked for when the number of records is known, else at
  /// most.
  std::optional<int64_t> num_batches = std::nullopt;
  /// Over the ranks that share these files, of which each takes one contiguous part.
  int64_t batch_size = 1;
  int64_t rank = 0;
  int64_t world_size = 1;
  bool drop_last = false;
  bool shuffle = false;
  int64_t shuffle_buffer = 1;
  /// Files and buffers are shuffled by it and the epoch.
  uint64_t key = 0;
  bool skip_broken = false;
};

/// The batches of a stream, one after another, for one thread. What an epoch's order is: the files,
/// shuffled; their records one after the other; each `shuffle_buffer` consecutive ones shuffled
/// among themselves. All of that is a function of (key, epoch), so that any batch can be gone to.
///
/// Two buffers are held: while one is handed out, the next is read, as many records as go. Records
/// that other ranks take are passed over, not decoded. Where the number of records is not known,
/// those of batches at a buffer's end are decoded by all ranks, since it might be the stream's end,
/// and the last buffer is read twice: only then is it known how long it is.
class StreamBatches {
 public:
  StreamBatches(std::shared_ptr<const IterableDataset> dataset,
                std::shared_ptr<const Collate> collate, StreamPlan plan);

  /// This rank's part of a batch; nothing behind the end of the epoch. The batch after the one
  /// before costs its records; any other one, the reading of what its buffer has before it, and
  /// passing over all records before the buffer: whole files where the dataset knows their numbers
  /// of records, else RecordReader::skip. Ends early, with any result, once `cancel` is true.
  /// Throws what is wrong with a file as a whole.
  std::optional<MadeBatch> make(int64_t epoch, int64_t batch, const std::atomic<bool>& cancel);

 private:
  // Records that are shuffled among themselves; or, without shuffling, a batch.
  struct Buffer {
    int64_t index;
    // Until it is known, as if full.
    int64_t size;
    bool size_is_known;
    RecordSequence::Position start;
    Permutation order;
    // In the order of the files; those that nobody here needs stay empty.
    std::vector<bool> needed = {};
    std::vector<std::optional<Record>> records = {};
    // How many are read or passed over.
    int64_t read = 0;

    bool complete() const { return size_is_known && read == size; }
  };

  int64_t first_position(int64_t buffer) const { return buffer * buffer_size_; }
  void start_epoch(int64_t epoch);
  Buffer& buffer(int64_t index, const std::atomic<bool>& cancel);
  void start_buffer(int64_t index);
  void size_buffer(Buffer& buffer, int64_t size, bool known) const;
  void read(Buffer& buffer, int64_t count, const std::atomic<bool>& cancel);
  void read_ahead(int64_t position, const std::atomic<bool>& cancel);
  bool is_needed(int64_t position, const Buffer& buffer) const;
  // Where the record that comes at a position lies in its buffer.
  int64_t record_of(const Buffer& buffer, int64_t position) const;
  std::optional<MadeBatch> take(int64_t batch, const std::atomic<bool>& cancel);
  MadeBatch join(std::vector<Record> records) const;

  const std::shared_ptr<const IterableDataset> dataset_;
  const std::shared_ptr<const Collate> collate_;
  const StreamPlan plan_;
  const int64_t buffer_size_;

  int64_t epoch_ = -1;
  // The batch that costs no seeking; -1 for none.
  int64_t next_batch_ = -1;
  // Positions before it are not asked for.
  int64_t first_needed_ = 0;
  std::optional<RecordSequence> sequence_;
  // Consecutive; all but the last are complete.
  std::deque<Buffer> buffers_;
};

}  // namespace composer
