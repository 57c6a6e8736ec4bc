// A stand-in for libcuda.so.1: memory is host memory, launches are recorded and not executed.
// It checks what a driver would refuse (bad grids, foreign frees, memory limits), and lets a test
// read back every parameter byte. Types are declared here, so that no CUDA header is needed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define X __attribute__((visibility("default")))
typedef int R;
typedef unsigned U;
typedef uint64_t Ptr;
enum { OK = 0, INVALID = 1, OOM = 2, NODEV = 100, BADDEV = 101, BADCTX = 201, NOTFOUND = 500,
       CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901, NOTSUPPORTED = 801 };

static int env(const char *name, int otherwise) {
  const char *text = getenv(name);
  return text ? atoi(text) : otherwise;
}
static int devices(void) { return env("FAKECUDA_NDEV", 1); }

// ---- what a test can ask and set
static char log_text[1 << 16];
static size_t log_used;
static int log_on;
static void note(const char *format, ...) {
  if (!log_on || log_used > sizeof log_text - 200) return;
  va_list args;
  va_start(args, format);
  log_used += vsnprintf(log_text + log_used, sizeof log_text - log_used, format, args);
  va_end(args);
}
X void fake_log_on(int on) { log_on = on; log_used = 0; log_text[0] = 0; }
X const char *fake_log(void) { return log_text; }

static struct { U config[8]; int attributes[17]; unsigned char params[4096]; int nparams; size_t bytes; } last;
static long long launches, retains, fail_at, allocations, total = (long long)140 << 30, used, reserved, peak;
static int fail_count;
X long long fake_launches(void) { return launches; }
X long long fake_retains(void) { return retains; }
X long long fake_used(void) { return used; }
X void fake_set_total(long long n) { total = n; }
X void fake_fail(long long after, int count) { fail_at = allocations + after; fail_count = count; }
X U fake_config(int i) { return last.config[i]; }
X int fake_attribute(int i) { return last.attributes[i]; }
X size_t fake_params(void *out) { memcpy(out, last.params, last.bytes); return last.bytes; }

// ---- modules: the parameter table is read from the cubin, as the driver does
typedef struct { int n; U offset[256], size[256]; char name[512]; int shared; } Kernel;
static void read_params(Kernel *k, const unsigned char *elf) {
  uint64_t shoff; uint16_t shentsize, shnum, shstrndx;
  memcpy(&shoff, elf + 40, 8);
  memcpy(&shentsize, elf + 58, 2);
  memcpy(&shnum, elf + 60, 2);
  memcpy(&shstrndx, elf + 62, 2);
  const unsigned char *names_header = elf + shoff + (uint64_t)shstrndx * shentsize;
  uint64_t names;
  memcpy(&names, names_header + 24, 8);
  for (int s = 0; s < shnum; s++) {
    const unsigned char *header = elf + shoff + (uint64_t)s * shentsize;
    U name; uint64_t offset, size;
    memcpy(&name, header, 4);
    memcpy(&offset, header + 24, 8);
    memcpy(&size, header + 32, 8);
    if (strncmp((const char *)elf + names + name, ".nv.info.", 9)) continue;
    for (uint64_t at = offset; at + 4 <= offset + size;) {
      unsigned char format = elf[at], attribute = elf[at + 1];
      uint16_t length = 0;
      memcpy(&length, elf + at + 2, 2);
      const unsigned char *value = elf + at + 4;
      if (format == 4 && attribute == 0x17) {  // EIATTR_KPARAM_INFO
        uint16_t ordinal, where; U packed;
        memcpy(&ordinal, value + 4, 2);
        memcpy(&where, value + 6, 2);
        memcpy(&packed, value + 8, 4);
        if (ordinal < 256) {
          k->offset[ordinal] = where;
          k->size[ordinal] = packed >> 18;
          if (ordinal >= k->n) k->n = ordinal + 1;
        }
      }
      at += 4 + (format == 4 ? length : 0);
    }
  }
}
static Kernel *load(const void *image) {
  Kernel *k = calloc(1, sizeof *k);
  if (!memcmp(image, "\177ELF", 4)) read_params(k, image);
  return k;
}
static int bad_params;
X void fake_shift_params(int by) { bad_params = by; }
X R cuLibraryLoadData(void **l, const void *image, int *a, void **b, U c, int *d, void **e, U f) {
  if (memcmp(image, "\177ELF", 4)) return 200;
  *l = load(image);
  return OK;
}
X R cuLibraryUnload(void *l) { return OK; }
X R cuLibraryGetKernel(void **k, Kernel *l, const char *name) { *k = l; snprintf(l->name, 512, "%s", name); return OK; }
X R cuKernelGetFunction(void **f, void *k) { *f = k; return OK; }
X R cuKernelGetParamInfo(Kernel *k, size_t i, size_t *offset, size_t *size) {
  if (i >= (size_t)k->n) return INVALID;
  *offset = k->offset[i] + bad_params;
  *size = k->size[i];
  return OK;
}
X R cuFuncGetParamInfo(Kernel *k, size_t i, size_t *o, size_t *s) { return cuKernelGetParamInfo(k, i, o, s); }
X R cuFuncLoad(void *f) { return OK; }
X R cuModuleLoadData(void **m, const void *image) { return cuLibraryLoadData(m, image, 0, 0, 0, 0, 0, 0); }
X R cuModuleUnload(void *m) { return OK; }
X R cuModuleGetFunction(void **f, void *m, const char *name) { return cuLibraryGetKernel(f, m, name); }
X R cuFuncGetAttribute(int *v, int a, void *f) { *v = a == 0 ? 1024 : a == 4 ? 32 : 0; return OK; }
X R cuKernelGetAttribute(int *v, int a, void *f, int d) { return cuFuncGetAttribute(v, a, f); }
X R cuFuncSetAttribute(Kernel *f, int a, int v) { if (a > 15) return INVALID; if (a == 8) f->shared = v; return OK; }
X R cuFuncSetCacheConfig(void *f, int c) { return OK; }

// ---- streams, events, graphs
static __thread void *current;  // context of this thread
typedef struct Graph { int nodes; } Graph;
typedef struct { Graph *graph; int id; } Stream;
static int streams, capturing;
X R cuStreamCreate(Stream **s, U flags) { *s = calloc(1, sizeof **s); (*s)->id = ++streams; note("StreamCreate %d %u\n", (*s)->id, flags); return OK; }
X R cuStreamCreateWithPriority(Stream **s, U flags, int p) { return cuStreamCreate(s, flags); }
X R cuStreamDestroy_v2(Stream *s) { return OK; }
// 1 and 2 are the legacy and the per-thread stream; other small numbers stand for the tests' own.
static int id(Stream *s) { return (size_t)s < 4096 ? (int)(size_t)s : s->id; }
X R cuStreamSynchronize(Stream *s) { if (s && s->graph) return CAPTURE_UNSUPPORTED; note("StreamSynchronize %d\n", id(s)); return OK; }
X R cuStreamQuery(Stream *s) { return OK; }
X R cuStreamGetCtx(Stream *s, void **c) { *c = (void *)0x1000; return OK; }
X R cuStreamIsCapturing(Stream *s, int *c) { *c = s && s->graph ? 1 : 0; return OK; }
X R cuStreamBeginCapture_v2(Stream *s, int mode) { if (s->graph) return INVALID; s->graph = calloc(1, sizeof(Graph)); capturing++; return OK; }
X R cuStreamEndCapture(Stream *s, Graph **g) { if (!s->graph) return INVALID; *g = s->graph; s->graph = 0; capturing--; return OK; }
X R cuThreadExchangeStreamCaptureMode(int *mode) { return OK; }
X R cuGraphInstantiateWithFlags(void **e, Graph *g, unsigned long long f) { *e = g; return OK; }
X R cuGraphGetNodes(Graph *g, void **nodes, size_t *n) { *n = g->nodes; return OK; }
X R cuGraphLaunch(Graph *e, Stream *s) { launches += e->nodes; note("GraphLaunch %d %d\n", e->nodes, id(s)); return OK; }
X R cuGraphUpload(Graph *e, Stream *s) { return OK; }
X R cuGraphDestroy(Graph *g) { return OK; }
X R cuGraphExecDestroy(Graph *g) { note("GraphExecDestroy\n"); return OK; }
X R cuEventCreate(void **e, U f) { static long n; *e = (void *)(++n); return OK; }
X R cuEventRecord(void *e, Stream *s) { note("EventRecord %ld %d\n", (long)e, id(s)); return OK; }
X R cuEventQuery(void *e) { return current ? OK : BADCTX; }
X R cuEventSynchronize(void *e) { note("EventSynchronize %ld\n", (long)e); return OK; }
X R cuEventDestroy_v2(void *e) { return OK; }
X R cuEventElapsedTime(float *t, void *a, void *b) { if (!current) return BADCTX; *t = 0.25f * ((long)b - (long)a); return OK; }
X R cuEventElapsedTime_v2(float *t, void *a, void *b) { return cuEventElapsedTime(t, a, b); }
X R cuStreamWaitEvent(Stream *s, void *e, U f) { note("StreamWaitEvent %d %ld\n", id(s), (long)e); return OK; }

// ---- launches
static R record(Kernel *f, const U *c, Stream *s, void **params, void **extra) {
  for (int i = 0; i < 6; i++) if (!c[i]) return INVALID;
  if (c[1] > 65535 || c[2] > 65535 || c[3] * c[4] * c[5] > 1024) return INVALID;
  if ((int)c[6] > 49152 && f->shared < (int)c[6]) return INVALID;
  static int delay = -1;
  if (delay < 0) delay = env("FAKECUDA_SLEEP", 0);
  if (delay) usleep(delay);
  launches++;
  if (s && s->graph) s->graph->nodes++;
  memcpy(last.config, c, 7 * sizeof(U));
  last.config[7] = id(s);
  last.bytes = 0;
  memset(last.params, 0, sizeof last.params);
  for (int i = 0; i < f->n && params; i++) {
    memcpy(last.params + f->offset[i], params[i], f->size[i]);
    last.bytes = f->offset[i] + f->size[i];
  }
  note("Launch %s %u,%u,%u %u %u %d\n", f->name, c[0], c[1], c[2], c[3], c[6], id(s));
  return OK;
}
X R cuLaunchKernel(Kernel *f, U gx, U gy, U gz, U bx, U by, U bz, U shared, Stream *s, void **params, void **extra) {
  U config[] = {gx, gy, gz, bx, by, bz, shared};
  memset(last.attributes, 0, sizeof last.attributes);
  return record(f, config, s, params, extra);
}
typedef struct { U dims[7]; void *stream; struct { int id; int pad; int value[16]; } *attributes; U n; } Config;
X R cuLaunchKernelEx(const Config *c, Kernel *f, void **params, void **extra) {
  memset(last.attributes, 0, sizeof last.attributes);
  last.attributes[0] = c->n;
  for (U i = 0; i < c->n && i < 8; i++) {
    last.attributes[1 + 2 * i] = c->attributes[i].id;
    last.attributes[2 + 2 * i] = c->attributes[i].value[0];
  }
  return record(f, c->dims, c->stream, params, extra);
}

// ---- devices and contexts
static int initialised;
X R cuInit(U f) { int r = env("FAKECUDA_INIT", devices() ? OK : NODEV); initialised = !r; return r; }
X R cuDriverGetVersion(int *v) { *v = 13000; return OK; }
X R cuDeviceGetCount(int *n) { *n = env("FAKECUDA_COUNT", devices()); return OK; }
X R cuDeviceGet(int *d, int i) { *d = i; return i < devices() ? OK : BADDEV; }
X R cuDeviceGetName(char *n, int l, int d) { snprintf(n, l, "Stand-in %d", d); return OK; }
X R cuDeviceGetUuid_v2(void *u, int d) { memset(u, d + 1, 16); return OK; }
X R cuDeviceTotalMem_v2(size_t *b, int d) { *b = total; return OK; }
X R cuDeviceGetAttribute(int *v, int a, int d) {
  static const int rows[][2] = {{75, 9}, {76, 0}, {97, 232448}, {81, 233472}, {16, 132}, {10, 32},
                                {1, 1024}, {115, 1}, {38, 62914560}, {12, 65536}, {82, 65536}};
  *v = 1;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) if (rows[i][0] == a) *v = rows[i][1];
  if (a == 75) *v = env("FAKECUDA_SM", 90) / 10;
  if (a == 76) *v = env("FAKECUDA_SM", 90) % 10;
  return OK;
}
X R cuDevicePrimaryCtxRetain(void **c, int d) { retains++; *c = (void *)(uintptr_t)(0x1000 + d * 16); return initialised ? OK : 3; }
X R cuDevicePrimaryCtxRelease_v2(int d) { return OK; }
X R cuCtxGetCurrent(void **c) { *c = current; return OK; }
X R cuCtxSetCurrent(void *c) { current = c; return OK; }
X R cuCtxPushCurrent_v2(void *c) { current = c; return OK; }
X R cuCtxPopCurrent_v2(void **c) { if (c) *c = current; return OK; }
X R cuCtxGetDevice(int *d) { *d = ((uintptr_t)current - 0x1000) / 16; return current ? OK : BADCTX; }
X R cuCtxSynchronize(void) { note("CtxSynchronize\n"); return current ? OK : BADCTX; }
X R cuCtxGetLimit(size_t *v, int l) { *v = 0; return OK; }
X R cuCtxSetLimit(int l, size_t v) { return OK; }
X R cuGetErrorName(int r, const char **s) { *s = r == OOM ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_STAND_IN"; return OK; }
X R cuGetErrorString(int r, const char **s) { *s = "as the stand-in was told"; return OK; }

// ---- memory: a header of 512 bytes before each block holds its size
static R allocate(Ptr *p, size_t n) {
  allocations++;
  if (fail_count && allocations >= fail_at) { fail_count--; return OOM; }
  if (used + (long long)n > total) return OOM;
  char *block = aligned_alloc(512, ((n + 511) & ~(size_t)511) + 512);
  if (!block) return OOM;
  ((uint64_t *)block)[0] = n;
  ((uint64_t *)block)[1] = 0xA110C;
  used += n;
  if (used > peak) peak = used;
  if (used > reserved) reserved = used;
  *p = (Ptr)(block + 512);
  return OK;
}
static R deallocate(Ptr p) {
  uint64_t *block = (uint64_t *)(p - 512);
  if (block[1] != 0xA110C) return INVALID;
  block[1] = 0;
  used -= block[0];
  free(block);
  return OK;
}
X R cuMemAlloc_v2(Ptr *p, size_t n) { return allocate(p, n); }
X R cuMemFree_v2(Ptr p) { return deallocate(p); }
X R cuMemAllocAsync(Ptr *p, size_t n, Stream *s) { if (s && s->graph) return CAPTURE_UNSUPPORTED; note("MemAlloc %zu %d\n", n, id(s)); return allocate(p, n); }
X R cuMemFreeAsync(Ptr p, Stream *s) { if (s && s->graph) return CAPTURE_UNSUPPORTED; note("MemFree %d\n", id(s)); return deallocate(p); }
X R cuMemAllocFromPoolAsync(Ptr *p, size_t n, void *q, Stream *s) { return cuMemAllocAsync(p, n, s); }
X R cuMemPoolCreate(void **p, const void *q) { *p = malloc(64); return OK; }
X R cuMemPoolDestroy(void *p) { return OK; }
X R cuMemPoolTrimTo(void *p, size_t keep) { note("MemPoolTrimTo %zu\n", keep); if (reserved > used) reserved = used; return OK; }
X R cuDeviceGetDefaultMemPool(void **p, int d) { static int x; *p = &x; return OK; }
X R cuDeviceGetMemPool(void **p, int d) { return cuDeviceGetDefaultMemPool(p, d); }
X R cuMemPoolSetAttribute(void *p, int a, uint64_t *v) { if (a == 6) reserved = used; if (a == 8) peak = used; return OK; }
X R cuMemPoolGetAttribute(void *p, int a, uint64_t *v) { *v = a == 5 || a == 6 ? reserved : a == 7 ? used : a == 8 ? peak : 0; return OK; }
X R cuMemGetInfo_v2(size_t *free_bytes, size_t *all) { *free_bytes = total - reserved; *all = total; return OK; }
X R cuMemAllocHost_v2(void **p, size_t n) { note("MemAllocHost %zu\n", n); *p = aligned_alloc(4096, (n + 4095) & ~(size_t)4095); return OK; }
X R cuMemHostAlloc(void **p, size_t n, U f) { return cuMemAllocHost_v2(p, n); }
X R cuMemFreeHost(void *p) { note("MemFreeHost\n"); free(p); return OK; }
X R cuMemcpyHtoDAsync_v2(Ptr d, const void *s, size_t n, Stream *st) { note("HtoD %zu %d\n", n, id(st)); memcpy((void *)d, s, n); return OK; }
X R cuMemcpyDtoHAsync_v2(void *d, Ptr s, size_t n, Stream *st) { if (st && st->graph) return CAPTURE_UNSUPPORTED; note("DtoH %zu %d\n", n, id(st)); memcpy(d, (void *)s, n); return OK; }
X R cuMemcpyDtoDAsync_v2(Ptr d, Ptr s, size_t n, Stream *st) { note("DtoD %zu %d\n", n, id(st)); memmove((void *)d, (void *)s, n); return OK; }
X R cuMemcpyAsync(Ptr d, Ptr s, size_t n, Stream *st) { return cuMemcpyDtoDAsync_v2(d, s, n, st); }
X R cuMemcpyPeerAsync(Ptr d, void *dc, Ptr s, void *sc, size_t n, Stream *st) { return cuMemcpyDtoDAsync_v2(d, s, n, st); }
X R cuMemsetD8Async(Ptr d, unsigned char v, size_t n, Stream *st) { note("Memset %d %zu %d\n", v, n, id(st)); memset((void *)d, v, n); return OK; }
X R cuPointerGetAttribute(void *out, int a, Ptr p) { *(Ptr *)out = p; return OK; }
X R cuPointerGetAttributes(U n, int *a, void **d, Ptr p) { return OK; }
X R cuTensorMapEncodeTiled(void *m, ...) { memset(m, 7, 128); return OK; }
X R cuOccupancyMaxActiveClusters(int *n, void *f, const void *c) { *n = 66; return OK; }
X R cuOccupancyMaxActiveBlocksPerMultiprocessor(int *n, void *f, int b, size_t s) { *n = 2; return OK; }

static R missing(void) { return NOTSUPPORTED; }
X R cuGetProcAddress_v2(const char *symbol, void **p, int version, uint64_t flags, int *status) {
  static const char *suffixes[] = {"_v2", "", "WithFlags"};
  static void *self;
  if (!self) { Dl_info info; dladdr((void *)missing, &info); self = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD); }
  char name[128];
  *p = 0;
  for (int i = 0; i < 3 && !*p; i++) { snprintf(name, sizeof name, "%s%s", symbol, suffixes[i]); *p = dlsym(self, name); }
  if (!*p && getenv("FAKECUDA_TRACE")) fprintf(stderr, "missing %s\n", symbol);
  if (!*p) *p = (void *)missing;
  if (status) *status = 0;
  return OK;
}
X R cuGetProcAddress(const char *symbol, void **p, int version, uint64_t flags) { return cuGetProcAddress_v2(symbol, p, version, flags, 0); }
