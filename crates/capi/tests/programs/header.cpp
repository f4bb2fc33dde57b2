// The header alone, in C++.
#include "fathom.h"

int main()
{
    fathom *host = fathom_new(nullptr);
    const bool made = host != nullptr && fathom_now(host) == 0;
    fathom_free(host);
    return made ? 0 : 1;
}
