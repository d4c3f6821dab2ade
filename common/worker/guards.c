#include "worker/guards.h"

#ifdef GUARDS_REMOVABLE
enum guard guard_removed;
#endif
