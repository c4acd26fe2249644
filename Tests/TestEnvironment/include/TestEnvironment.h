// Nothing to call: being linked is enough (environment.c).
#pragma once
