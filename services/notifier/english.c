/* The built-in wording: English, for every kind. `templates:` in the settings goes before it. */
#include "notifier/english.h"

#define SIGNED "\n[{help}\n]{brand}\n"

const struct message_template english[] = {
    {.kind = MESSAGE_KIND_ORDER_CONFIRMED,
     .locale = STR_INIT("en"),
     .subject = STR_INIT("Order {order_number} confirmed"),
     .text = STR_INIT("Hello[ {name}],\n\n"
                      "thank you, we have your order {order_number}:\n\n"
                      "{items}\n\n"
                      "Total: {total}\n"
                      "[Paid: {paid}\n][To pay on delivery: {cod_amount}\n]"
                      "[It should be with you by {promised}.\n]"
                      "We write again as soon as it is on its way.\n" SIGNED),
     .sms = STR_INIT("{brand}: order {order_number} confirmed, total {total}."
                     "[ It should be with you by {promised}.]")},
    {.kind = MESSAGE_KIND_DISPATCHED,
     .locale = STR_INIT("en"),
     .subject = STR_INIT("Order {order_number}: parcel {parcel} is on its way"),
     .text = STR_INIT("Hello[ {name}],\n\n"
                      "parcel {parcel} of your order {order_number} is on its way"
                      "[ and should be with you by {promised}].\n"
                      "[\nIn it:\n{items}\n]"
                      "\n[Carrier: {carrier}\n]Number: {tracking_number}\n"
                      "[Follow it: {tracking_url}\n]" SIGNED),
     .sms = STR_INIT("{brand}: parcel {parcel} of order {order_number} is on its way."
                     "[ {tracking_url}]")},
    {.kind = MESSAGE_KIND_OUT_FOR_DELIVERY,
     .locale = STR_INIT("en"),
     .subject = STR_INIT("Order {order_number}: parcel {parcel} comes today"),
     .text = STR_INIT("Hello[ {name}],\n\n"
                      "parcel {parcel} of your order {order_number} is out for delivery.\n"
                      "[Please have {cod_amount} ready.\n]"
                      "[Follow it: {tracking_url}\n]" SIGNED),
     .sms = STR_INIT("{brand}: parcel {parcel} of order {order_number} is out for delivery."
                     "[ Please have {cod_amount} ready.]")},
    {.kind = MESSAGE_KIND_DELIVERED,
     .locale = STR_INIT("en"),
     .subject = STR_INIT("Order {order_number}: parcel {parcel} was delivered"),
     .text = STR_INIT("Hello[ {name}],\n\n"
                      "parcel {parcel} of your order {order_number} was delivered on "
                      "{delivered_on}.\n"
                      "If you do not have it, please tell us.\n" SIGNED),
     .sms = STR_INIT("{brand}: parcel {parcel} of order {order_number} was delivered.")},
    {.kind = MESSAGE_KIND_DELAYED,
     .locale = STR_INIT("en"),
     .subject = STR_INIT("Order {order_number}: parcel {parcel} is late"),
     .text = STR_INIT("Hello[ {name}],\n\n"
                      "parcel {parcel} of your order {order_number} is late, we are sorry.\n"
                      "[We now expect it on {expected}.\n]"
                      "[Follow it: {tracking_url}\n]" SIGNED),
     .sms = STR_INIT("{brand}: parcel {parcel} of order {order_number} is late, we are sorry."
                     "[ We now expect it on {expected}.]")},
    {.kind = MESSAGE_KIND_ORDER_CANCELLED,
     .locale = STR_INIT("en"),
     .subject = STR_INIT("Order {order_number} is cancelled"),
     .text = STR_INIT("Hello[ {name}],\n\n"
                      "your order {order_number} is cancelled; nothing will be sent:\n\n"
                      "{items}\n"
                      "[\nYou get {refund} back.\n]" SIGNED),
     .sms = STR_INIT("{brand}: order {order_number} is cancelled.[ You get {refund} back.]")},
    {.kind = MESSAGE_KIND_FEEDBACK_REQUEST,
     .locale = STR_INIT("en"),
     .subject = STR_INIT("How was order {order_number}?"),
     .text = STR_INIT("Hello[ {name}],\n\n"
                      "your order {order_number} has arrived:\n\n"
                      "{items}\n\n"
                      "Is all as it should be? A word from you helps us.\n"
                      "[{feedback_url}\n]" SIGNED),
     .sms = STR_INIT("{brand}: how was order {order_number}? A word from you helps us."
                     "[ {feedback_url}]")},
};

const size_t english_count = sizeof(english) / sizeof(english[0]);
