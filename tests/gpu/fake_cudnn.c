// A libcudnn_graph.so.9 that is too old: it has the functions that the plug-in looks for, and says 9.7.0.
#include <stddef.h>

size_t cudnnGetVersion(void);
size_t cudnnGetVersion(void) { return 90700; }

#define NOTHING(name) \
  int name(void);     \
  int name(void) { return 1001; }
NOTHING(cudnnGetErrorString)
NOTHING(cudnnGetLastErrorString)
NOTHING(cudnnCreate)
NOTHING(cudnnDestroy)
NOTHING(cudnnSetStream)
NOTHING(cudnnBackendCreateDescriptor)
NOTHING(cudnnBackendDestroyDescriptor)
NOTHING(cudnnBackendFinalize)
NOTHING(cudnnBackendSetAttribute)
NOTHING(cudnnBackendGetAttribute)
NOTHING(cudnnBackendExecute)
