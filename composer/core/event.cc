#include "composer/core/event.h"

#include "absl/strings/match.h"

namespace composer {

absl::string_view event_name(Event event) {
  switch (event) {
#define COMPOSER_EVENT_NAME(enumerator, name) \
  case Event::enumerator:                     \
    return #name;
    COMPOSER_EVENTS(COMPOSER_EVENT_NAME)
#undef COMPOSER_EVENT_NAME
  }
  return "?";
}

bool is_after_event(Event event) { return absl::StrContains(event_name(event), "after_"); }

}  // namespace composer
