/* Stands in for the runtime, so that a test may include a service's main.c and use its routes. */
struct service;

int worker_main(const struct service *service, int argc, char **argv);

int worker_main(const struct service *service, int argc, char **argv)
{
    (void)service;
    (void)argc;
    (void)argv;
    return 0;
}
