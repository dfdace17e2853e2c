#include "composer/core/callback.h"

#include <typeinfo>

#include "composer/base/type_name.h"

namespace composer {

void Callback::run_event(Event event, State& state, Logger& logger) {
  switch (event) {
#define COMPOSER_CALLBACK_DISPATCH(enumerator, name) \
  case Event::enumerator:                            \
    return this->name(state, logger);
    COMPOSER_EVENTS(COMPOSER_CALLBACK_DISPATCH)
#undef COMPOSER_CALLBACK_DISPATCH
  }
}

std::string Callback::name() const { return short_type_name(typeid(*this)); }

}  // namespace composer
